//! The checksum of frame headers, RFC 9639 section 9.1.8.

/// CRC-8 of polynomial x^8 + x^2 + x + 1 over a frame header.
pub fn crc8(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |crc, &byte| TABLE[usize::from(crc ^ byte)])
}

/// The CRC-8 of each byte: short frames have little else to compute.
static TABLE: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut crc, mut bit) = (byte as u8, 0);
        while bit < 8 {
            crc = crc << 1 ^ if crc >> 7 == 1 { 7 } else { 0 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_the_catalogue_comes_out() {
        assert_eq!(crc8(b"123456789"), 0xf4);
    }
}
