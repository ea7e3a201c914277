//! The checksums of frame headers (CRC-8) and frames (CRC-16), RFC 9639 section 9.

/// CRC-8 of polynomial x^8 + x^2 + x + 1 over a frame header.
pub fn crc8(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |crc, &b| {
        (0..8).fold(crc ^ b, |crc: u8, _| crc << 1 ^ if crc >> 7 == 1 { 7 } else { 0 })
    })
}

/// Table k holds the CRC-16 of a byte followed by k zero bytes.
static TABLES: [[u16; 256]; 8] = tables();

const fn tables() -> [[u16; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut i = 0;
    while i < 256 {
        let mut crc = (i as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = crc << 1 ^ if crc >> 15 == 1 { 0x8005 } else { 0 };
            bit += 1;
        }
        tables[0][i] = crc;
        i += 1;
    }
    let mut k = 1;
    while k < 8 {
        let mut i = 0;
        while i < 256 {
            let before: u16 = tables[k - 1][i];
            tables[k][i] = before << 8 ^ tables[0][(before >> 8) as usize];
            i += 1;
        }
        k += 1;
    }
    tables
}

/// CRC-16 of polynomial x^16 + x^15 + x^2 + 1, eight bytes at a time.
pub fn crc16(bytes: &[u8]) -> u16 {
    let (eights, rest) = bytes.as_chunks::<8>();
    let mut crc = 0_u16;
    for b in eights {
        let [high, low] = crc.to_be_bytes();
        crc = TABLES[7][usize::from(b[0] ^ high)]
            ^ TABLES[6][usize::from(b[1] ^ low)]
            ^ TABLES[5][usize::from(b[2])]
            ^ TABLES[4][usize::from(b[3])]
            ^ TABLES[3][usize::from(b[4])]
            ^ TABLES[2][usize::from(b[5])]
            ^ TABLES[1][usize::from(b[6])]
            ^ TABLES[0][usize::from(b[7])];
    }
    for &b in rest {
        crc = crc << 8 ^ TABLES[0][usize::from((crc >> 8) as u8 ^ b)];
    }
    crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_values_of_the_catalogue_come_out() {
        assert_eq!(crc8(b"123456789"), 0xf4);
        assert_eq!(crc16(b"123456789"), 0xfee8);
    }

    #[test]
    fn eight_bytes_at_a_time_are_as_one_at_a_time() {
        let bytes: Vec<u8> = (0..100_u32).map(|i| ((i * i * 37) >> 3) as u8).collect();
        for length in 0..bytes.len() {
            let slow = bytes[..length].iter().fold(0_u16, |crc, &b| {
                (0..8).fold(crc ^ u16::from(b) << 8, |crc, _| {
                    crc << 1 ^ if crc >> 15 == 1 { 0x8005 } else { 0 }
                })
            });
            assert_eq!(crc16(&bytes[..length]), slow, "{length} bytes");
        }
    }
}
