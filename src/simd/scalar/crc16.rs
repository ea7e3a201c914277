//! The checksum of FLAC frames: CRC-16 of polynomial x^16 + x^15 + x^2 + 1 (RFC 9639 section 9.3).

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

/// The CRC-16 of bytes.
pub fn crc16(bytes: &[u8]) -> u16 {
    continued(0, bytes)
}

/// The CRC-16 of bytes that follow some whose CRC-16 is `crc`, eight at a time.
pub fn continued(mut crc: u16, bytes: &[u8]) -> u16 {
    let (eights, rest) = bytes.as_chunks::<8>();
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
    fn the_check_value_of_the_catalogue_comes_out() {
        assert_eq!(crc16(b"123456789"), 0xfee8);
    }

    #[test]
    fn every_table_counts_as_bit_by_bit() {
        let bytes: Vec<u8> = (0..1200_u32).map(|i| ((i * i * 37) >> 3) as u8).collect();
        let mut slow = 0_u16;
        for length in 0..bytes.len() {
            for table in crate::simd::tables() {
                assert_eq!((table.crc16)(&bytes[..length]), slow, "{length}, {}", table.name);
            }
            slow = (0..8).fold(slow ^ u16::from(bytes[length]) << 8, |crc, _| {
                crc << 1 ^ if crc >> 15 == 1 { 0x8005 } else { 0 }
            });
        }
    }
}
