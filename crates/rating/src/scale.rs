//! Products and quotients of decimals, exact up to the tenth place of a charge.

use crate::amount::{Decimal, power};
use num_bigint::BigInt;

/// Decimal places of a line's charge.
pub(crate) const CHARGE_PLACES: u8 = 10;

/// The product of the decimals × numerator / denominator in units of 10^-10, rounded half to even. `None` beyond 10^20.
pub(crate) fn scaled(decimals: &[Decimal], (numerator, denominator): (u64, u64)) -> Option<i128> {
    let quick = || {
        let places: u8 = decimals.iter().try_fold(0_u8, |sum, decimal| sum.checked_add(decimal.places))?;
        let mut product = i128::from(numerator);
        for decimal in decimals {
            product = product.checked_mul(decimal.mantissa)?;
        }
        let mut divisor = u128::from(denominator);
        if places <= CHARGE_PLACES {
            product = product.checked_mul(power(CHARGE_PLACES - places))?;
        } else if places - CHARGE_PLACES <= 38 {
            divisor = divisor.checked_mul(power(places - CHARGE_PLACES).unsigned_abs())?;
        } else {
            return None;
        }
        let size = product.unsigned_abs();
        let (quotient, rest) = match (u64::try_from(size), u64::try_from(divisor)) {
            (Ok(size), Ok(divisor)) => (u128::from(size / divisor), u128::from(size % divisor)),
            _ => {
                let quotient = size / divisor;
                (quotient, size - quotient * divisor)
            }
        };
        let up = match rest.cmp(&(divisor - rest)) {
            std::cmp::Ordering::Less => 0,
            std::cmp::Ordering::Equal => quotient % 2,
            std::cmp::Ordering::Greater => 1,
        };
        let charge = i128::try_from(quotient + up).ok()?;
        Some(if product < 0 { -charge } else { charge })
    };
    let Some(charge) = quick() else {
        return scaled_exactly(decimals, &numerator.into(), &denominator.into());
    };
    (charge.abs() < power(30)).then_some(charge)
}

#[cold]
pub(crate) fn scaled_exactly(decimals: &[Decimal], numerator: &BigInt, denominator: &BigInt) -> Option<i128> {
    let ten = |exponent: u32| BigInt::from(10).pow(exponent);
    let places: u32 = decimals.iter().map(|decimal| u32::from(decimal.places)).sum();
    let product: BigInt = decimals.iter().map(|decimal| BigInt::from(decimal.mantissa)).product();
    let product = product * numerator * ten(CHARGE_PLACES.into());
    let divisor = denominator * ten(places);
    let zero = BigInt::default();
    let negative = product < zero;
    let size = if negative { -product } else { product };
    let (quotient, rest) = (&size / &divisor, &size % &divisor);
    let twice = rest * 2;
    let up = twice > divisor || twice == divisor && &quotient % 2 != zero;
    let charge = i128::try_from(quotient + i32::from(up)).ok()?;
    (charge < power(30)).then_some(if negative { -charge } else { charge })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::amount::Amount;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn scaling_rounds_half_to_even_at_the_tenth_place() {
        for (decimals, factor, charge) in [
            (vec!["100"], (1_000_000, 850_000), "117.6470588235"),
            (vec!["-100"], (1_000_000, 850_000), "-117.6470588235"),
            (vec!["0.00000000005"], (1, 1), "0"),
            (vec!["0.00000000015"], (1, 1), "0.0000000002"),
            (vec!["0.00000000025"], (1, 1), "0.0000000002"),
            (vec!["-0.00000000035"], (1, 1), "-0.0000000004"),
            (vec!["0.0000000002500000000000000000001"], (1, 1), "0.0000000003"),
            (
                vec!["123456789012.123456789012345678901234", "1.2345"],
                (1_000_000, 999_999),
                "152407558443.0248504309",
            ),
        ] {
            let decimals: Vec<Decimal> = decimals.into_iter().map(decimal).collect();
            let expected = Some(Amount::count(charge.parse().unwrap(), 10));
            assert_eq!(scaled(&decimals, factor), expected, "{decimals:?}");
            assert_eq!(
                scaled_exactly(&decimals, &factor.0.into(), &factor.1.into()),
                expected,
                "{decimals:?}"
            );
        }
        assert_eq!(scaled(&[decimal("99999999999999999999"), decimal("100")], (1, 1)), None);
    }
}
