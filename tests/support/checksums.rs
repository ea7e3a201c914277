//! Checksums made right again, so that damage gets past them.

use super::scribe;
use h5flac::Head;

/// Makes both checksums of a chunk right, as far as the head's length allows.
pub fn seal(bytes: &mut [u8]) {
    let Ok(head) = Head::length(bytes) else { return };
    if head <= bytes.len() - 4 {
        let mut crc = crc32fast::Hasher::new();
        crc.update(&bytes[..16]);
        crc.update(&bytes[Head::PREFIX..head]);
        bytes[16..Head::PREFIX].copy_from_slice(&crc.finalize().to_le_bytes());
    }
    let end = bytes.len() - 4;
    let crc = crc32fast::hash(&bytes[..end]);
    bytes[end..].copy_from_slice(&crc.to_le_bytes());
}

/// Sets the CRC-16 of a frame right.
pub fn mend(frame: &mut [u8]) {
    let (body, end) = frame.split_last_chunk_mut::<2>().unwrap();
    *end = scribe::crc(body, 16, 0x8005).to_be_bytes();
}

/// Bytes of a frame's header before its CRC-8, whatever they hold; none where they end early or
/// its number has no length.
pub fn header_length(frame: &[u8]) -> Option<usize> {
    let number = match frame.get(4)?.leading_ones() {
        0 => 1,
        n @ 2..=7 => n as usize,
        _ => return None,
    };
    let size = match frame[2] >> 4 {
        6 => 1,
        7 => 2,
        _ => 0,
    };
    let rate = match frame[2] & 15 {
        12 => 1,
        13 | 14 => 2,
        _ => 0,
    };
    Some(4 + number + size + rate).filter(|&length| length < frame.len())
}

/// Sets the CRC-8 of a frame's header right.
pub fn mend_header(frame: &mut [u8]) {
    if let Some(length) = header_length(frame) {
        frame[length] = scribe::crc(&frame[..length], 8, 7) as u8;
    }
}
