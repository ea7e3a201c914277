//! The checksum of frame headers, RFC 9639 section 9.1.8.

/// CRC-8 of polynomial x^8 + x^2 + x + 1 over a frame header.
pub fn crc8(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |crc, &b| {
        (0..8).fold(crc ^ b, |crc: u8, _| crc << 1 ^ if crc >> 7 == 1 { 7 } else { 0 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_the_catalogue_comes_out() {
        assert_eq!(crc8(b"123456789"), 0xf4);
    }
}
