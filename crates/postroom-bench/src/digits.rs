//! Names with a number of fixed width in them (`r00042`), which can be changed
//! in place.

/// Decimal digits that every number below `count` fits in.
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
}
