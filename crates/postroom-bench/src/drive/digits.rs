//! Numbers of fixed width inside names (`r00042`), overwritten in place.

/// Decimal digits of the largest number below `count`.
pub(crate) fn width(count: u32) -> usize {
    count.saturating_sub(1).checked_ilog10().map_or(1, |log| log as usize + 1)
}

/// Writes `number` over `field`, with leading zeros.
#[inline]
pub(crate) fn write(field: &mut [u8], mut number: u32) {
    for digit in field.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// The number that `field` holds, if it is one.
#[inline]
pub(crate) fn read(field: &[u8]) -> Option<u32> {
    let mut number = 0_u64;
    for byte in field {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number * 10 + u64::from(digit);
    }
    u32::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_number_decides_the_width() {
        let widths = [1, 2, 10, 11, 100_000, 100_001].map(width);
        assert_eq!(widths, [1, 1, 1, 2, 5, 6]);
    }

    #[test]
    fn a_number_fills_its_field() {
        let mut field = *b"99999";
        write(&mut field, 420);
        assert_eq!(&field, b"00420");
    }

    #[test]
    fn a_field_is_read_back() {
        assert_eq!([&b"00420"[..], b"4294967295"].map(read), [Some(420), Some(u32::MAX)]);
        assert_eq!([&b"4294967296"[..], b"12 45", b"12:45"].map(read), [None; 3]);
    }
}
