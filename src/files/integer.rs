//! Integers as samples of one channel or two.

/// An integer of 32 or 64 bits.
pub trait Integer: Copy + Default + Send + Sync + 'static {
    /// Channels that hold it.
    const CHANNELS: usize;

    /// The channels of `integers`, in buffers of the same length; the second is not used where
    /// there is one.
    fn split(integers: &[Self], low: &mut [i32], high: &mut [i32]);

    /// Inverse of [`Integer::split`].
    fn join(low: &[i32], high: &[i32], integers: &mut [Self]);

    /// The integers themselves, where they are a channel.
    fn as_channel(_: &mut [Self]) -> Option<&mut [i32]> {
        None
    }
}

impl Integer for i32 {
    const CHANNELS: usize = 1;

    fn split(integers: &[i32], low: &mut [i32], _: &mut [i32]) {
        low.copy_from_slice(integers);
    }

    fn join(low: &[i32], _: &[i32], integers: &mut [i32]) {
        integers.copy_from_slice(low);
    }

    fn as_channel(integers: &mut [i32]) -> Option<&mut [i32]> {
        Some(integers)
    }
}

impl Integer for i64 {
    const CHANNELS: usize = 2;

    fn split(integers: &[i64], low: &mut [i32], high: &mut [i32]) {
        for ((&x, low), high) in integers.iter().zip(low).zip(high) {
            (*low, *high) = (x as i32, (x >> 32) as i32);
        }
    }

    fn join(low: &[i32], high: &[i32], integers: &mut [i64]) {
        for ((x, &low), &high) in integers.iter_mut().zip(low).zip(high) {
            *x = i64::from(high) << 32 | i64::from(low as u32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_channels_are_the_integers() {
        let integers = [0, 1, -1, i64::MIN, i64::MAX, 1 << 31, -1 << 31, (1 << 32) - 1, -1 << 32];
        let (mut low, mut high) = ([0; 9], [0; 9]);
        i64::split(&integers, &mut low, &mut high);
        assert_eq!((low[5], high[5]), (i32::MIN, 0));
        let mut back = [0; 9];
        i64::join(&low, &high, &mut back);
        assert_eq!(back, integers);
    }
}
