//! libFLAC, in memory.

#![expect(unsafe_code, reason = "libFLAC is a C library")]

use h5flac::flac::Audio;
use libflac_sys::*;
use std::ffi::{c_int, c_void};
use std::slice;

struct Reading<'a> {
    rest: &'a [u8],
    audio: Audio,
    errors: Vec<FLAC__StreamDecoderErrorStatus>,
}

/// Decodes a FLAC file; fails at the first thing that libFLAC objects to.
pub fn decode(file: &[u8]) -> Result<Audio, String> {
    let audio = Audio { rate: 0, width: 0, channels: Vec::new() };
    let mut reading = Reading { rest: file, audio, errors: Vec::new() };
    // SAFETY: the callbacks get `reading`, which outlives the decoder, and no one else uses it
    // meanwhile.
    let ended = unsafe {
        let decoder = FLAC__stream_decoder_new();
        assert!(!decoder.is_null());
        let status = FLAC__stream_decoder_init_stream(
            decoder,
            Some(read),
            None,
            None,
            None,
            Some(at_end),
            Some(take_frame),
            None,
            Some(take_error),
            (&raw mut reading).cast(),
        );
        assert_eq!(status, FLAC__STREAM_DECODER_INIT_STATUS_OK);
        let processed = FLAC__stream_decoder_process_until_end_of_stream(decoder) != 0;
        let ended = FLAC__stream_decoder_get_state(decoder) == FLAC__STREAM_DECODER_END_OF_STREAM;
        FLAC__stream_decoder_delete(decoder);
        processed && ended
    };
    if !ended || !reading.errors.is_empty() {
        return Err(format!("libFLAC: error statuses {:?}, ended: {ended}", reading.errors));
    }
    Ok(reading.audio)
}

/// The state that a callback of `decode` was given.
///
/// # Safety
/// `data` is what `decode` passed, and no other reference to it lives.
unsafe fn reading<'a>(data: *mut c_void) -> &'a mut Reading<'a> {
    // SAFETY: by this function's contract.
    unsafe { &mut *data.cast() }
}

unsafe extern "C" fn read(
    _: *const FLAC__StreamDecoder,
    buffer: *mut u8,
    bytes: *mut usize,
    data: *mut c_void,
) -> FLAC__StreamDecoderReadStatus {
    // SAFETY: libFLAC's buffer has the bytes it says, and `data` is `decode`'s.
    unsafe {
        let rest = &mut reading(data).rest;
        let (now, after) = rest.split_at(rest.len().min(*bytes));
        slice::from_raw_parts_mut(buffer, now.len()).copy_from_slice(now);
        *bytes = now.len();
        *rest = after;
        if now.is_empty() {
            FLAC__STREAM_DECODER_READ_STATUS_END_OF_STREAM
        } else {
            FLAC__STREAM_DECODER_READ_STATUS_CONTINUE
        }
    }
}

unsafe extern "C" fn at_end(_: *const FLAC__StreamDecoder, data: *mut c_void) -> c_int {
    // SAFETY: `data` is `decode`'s.
    unsafe { c_int::from(reading(data).rest.is_empty()) }
}

unsafe extern "C" fn take_frame(
    _: *const FLAC__StreamDecoder,
    frame: *const FLAC__Frame,
    buffers: *const *const i32,
    data: *mut c_void,
) -> FLAC__StreamDecoderWriteStatus {
    // SAFETY: libFLAC passes a frame and as many buffers of as many samples as it says.
    unsafe {
        let header = (*frame).header;
        let audio = &mut reading(data).audio;
        (audio.rate, audio.width) = (header.sample_rate, header.bits_per_sample);
        audio.channels.resize(header.channels as usize, Vec::new());
        for (i, channel) in audio.channels.iter_mut().enumerate() {
            let samples = slice::from_raw_parts(*buffers.add(i), header.blocksize as usize);
            channel.extend_from_slice(samples);
        }
    }
    FLAC__STREAM_DECODER_WRITE_STATUS_CONTINUE
}

unsafe extern "C" fn take_error(
    _: *const FLAC__StreamDecoder,
    status: FLAC__StreamDecoderErrorStatus,
    data: *mut c_void,
) {
    // SAFETY: `data` is `decode`'s.
    unsafe { reading(data).errors.push(status) }
}

/// How libFLAC encodes.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub level: u32,
    /// 0: libFLAC's choice.
    pub block: u32,
    pub mid_side: bool,
    pub escapes: bool,
    /// Whether it may go back and complete STREAMINFO; else the number of samples stays unknown.
    pub seek: bool,
}

struct Writing {
    file: Vec<u8>,
    position: usize,
}

/// Encodes to a FLAC file.
pub fn encode(audio: &Audio, settings: &Settings) -> Vec<u8> {
    let mut writing = Writing { file: Vec::new(), position: 0 };
    let length = audio.channels[0].len();
    assert!(audio.channels.iter().all(|channel| channel.len() == length));
    let channels: Vec<*const i32> = audio.channels.iter().map(|channel| channel.as_ptr()).collect();
    // SAFETY: the callbacks get `writing`, which outlives the encoder, and no one else uses it
    // meanwhile; every channel has `length` samples.
    unsafe {
        let encoder = FLAC__stream_encoder_new();
        assert!(!encoder.is_null());
        let done = |ok: FLAC__bool| assert_ne!(ok, 0, "{settings:?} is refused");
        done(FLAC__stream_encoder_set_compression_level(encoder, settings.level));
        done(FLAC__stream_encoder_set_streamable_subset(encoder, 0));
        done(FLAC__stream_encoder_set_channels(encoder, channels.len() as u32));
        done(FLAC__stream_encoder_set_bits_per_sample(encoder, audio.width));
        done(FLAC__stream_encoder_set_sample_rate(encoder, audio.rate));
        done(FLAC__stream_encoder_set_blocksize(encoder, settings.block));
        if channels.len() == 2 {
            let mid_side = FLAC__bool::from(settings.mid_side);
            done(FLAC__stream_encoder_set_do_mid_side_stereo(encoder, mid_side));
            done(FLAC__stream_encoder_set_loose_mid_side_stereo(encoder, 0));
        }
        let escapes = FLAC__bool::from(settings.escapes);
        done(FLAC__stream_encoder_set_do_escape_coding(encoder, escapes));
        let status = FLAC__stream_encoder_init_stream(
            encoder,
            Some(write),
            if settings.seek { Some(seek) } else { None },
            if settings.seek { Some(tell) } else { None },
            None,
            (&raw mut writing).cast(),
        );
        assert_eq!(status, FLAC__STREAM_ENCODER_INIT_STATUS_OK, "{settings:?}");
        done(FLAC__stream_encoder_process(encoder, channels.as_ptr(), length as u32));
        done(FLAC__stream_encoder_finish(encoder));
        FLAC__stream_encoder_delete(encoder);
    }
    writing.file
}

unsafe extern "C" fn write(
    _: *const FLAC__StreamEncoder,
    buffer: *const u8,
    bytes: usize,
    _samples: u32,
    _frame: u32,
    data: *mut c_void,
) -> FLAC__StreamEncoderWriteStatus {
    // SAFETY: libFLAC's buffer has the bytes it says, and `data` is `encode`'s.
    let (writing, bytes) =
        unsafe { (&mut *data.cast::<Writing>(), slice::from_raw_parts(buffer, bytes)) };
    let end = writing.position + bytes.len();
    writing.file.resize(end.max(writing.file.len()), 0);
    writing.file[writing.position..end].copy_from_slice(bytes);
    writing.position = end;
    FLAC__STREAM_ENCODER_WRITE_STATUS_OK
}

unsafe extern "C" fn seek(
    _: *const FLAC__StreamEncoder,
    position: u64,
    data: *mut c_void,
) -> FLAC__StreamEncoderSeekStatus {
    // SAFETY: `data` is `encode`'s.
    unsafe { (*data.cast::<Writing>()).position = position as usize };
    FLAC__STREAM_ENCODER_SEEK_STATUS_OK
}

unsafe extern "C" fn tell(
    _: *const FLAC__StreamEncoder,
    position: *mut u64,
    data: *mut c_void,
) -> FLAC__StreamEncoderTellStatus {
    // SAFETY: `data` is `encode`'s, `position` libFLAC's.
    unsafe { *position = (*data.cast::<Writing>()).position as u64 };
    FLAC__STREAM_ENCODER_TELL_STATUS_OK
}
