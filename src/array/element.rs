//! The types that an array may have.

use crate::layout::{ByteOrder, Class, Dtype};
use crate::sample::Sample;
use half::f16;
use std::borrow::Cow;
use zerocopy::IntoBytes;

/// A type that an array may have: integers of 1, 2, 4 and 8 bytes, floats of 2, 4 and 8.
pub trait Element: Sample + private::Sealed {
    /// What a chunk of them is said to hold: the lowest byte first, on every machine.
    const DTYPE: Dtype;
}

mod private {
    /// Keeps [`super::Element`] to the types of this file.
    pub trait Sealed {}
}

macro_rules! elements {
    ($($t:ty, $class:ident;)*) => {$(
        impl private::Sealed for $t {}
        impl Element for $t {
            const DTYPE: Dtype = Dtype {
                class: Class::$class,
                size: size_of::<$t>(),
                order: ByteOrder::Little,
                complex: false,
            };
        }
    )*};
}
elements! {
    i8, Signed; i16, Signed; i32, Signed; i64, Signed;
    u8, Unsigned; u16, Unsigned; u32, Unsigned; u64, Unsigned;
    f16, Float; f32, Float; f64, Float;
}

/// Samples as a chunk's raw bytes, the lowest byte first.
pub(super) fn bytes_of<T: Element>(samples: &[T]) -> Cow<'_, [u8]> {
    if ByteOrder::NATIVE == T::DTYPE.order {
        return Cow::Borrowed(samples.as_bytes());
    }
    let mut bytes = vec![0; size_of_val(samples)];
    T::write_slice(samples, true, &mut bytes);
    Cow::Owned(bytes)
}

/// Makes samples of what a chunk of another byte order left in their places.
pub(super) fn native_order<T: Element>(samples: &mut [T], order: ByteOrder) {
    if order == ByteOrder::NATIVE {
        return;
    }
    for x in samples {
        let mut bytes = [0; 8];
        let bytes = &mut bytes[..T::SIZE];
        bytes.copy_from_slice(x.as_bytes());
        T::read_slice(bytes, order == ByteOrder::Little, std::slice::from_mut(x));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_in_the_other_order_become_samples() {
        let mut samples = [1_i32, -2, 0x0102_0304].map(i32::swap_bytes);
        let other =
            if ByteOrder::NATIVE == ByteOrder::Little { ByteOrder::Big } else { ByteOrder::Little };
        native_order(&mut samples, other);
        assert_eq!(samples, [1, -2, 0x0102_0304]);
        native_order(&mut samples, ByteOrder::NATIVE);
        assert_eq!(samples, [1, -2, 0x0102_0304]);
        assert_eq!(*bytes_of(&samples[2..]), [4, 3, 2, 1]);
    }
}
