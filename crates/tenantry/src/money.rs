//! Amounts as people read them in tables.

use rating::Currency;

/// An amount with at least as many decimal places as the currency's smallest coin has: `12.50` for `12.5` USD, and no digit less.
pub(crate) fn padded(amount: &str, currency: Currency) -> String {
    let places = usize::from(currency.minor_unit());
    match amount.split_once('.').unwrap_or((amount, "")) {
        (whole, "") if places == 0 => whole.to_owned(),
        (whole, fraction) => format!("{whole}.{fraction:0<places$}"),
    }
}

/// As [`padded`], by the currency's ISO 4217 code. What is no amount, or in no known currency, stays as it is.
pub(crate) fn padded_in(amount: &str, code: &str) -> String {
    let is_amount = amount.parse::<f64>().is_ok() && !amount.contains(['e', 'E']);
    match code.parse::<Currency>().ok().filter(|_| is_amount) {
        Some(currency) => padded(amount, currency),
        None => amount.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_the_places_of_their_currency() {
        for (amount, code, expected) in [
            ("12.5", "USD", "12.50"),
            ("-300", "USD", "-300.00"),
            ("0.123456", "USD", "0.123456"),
            ("12", "JPY", "12"),
            ("12.5", "BHD", "12.500"),
            ("", "USD", ""),
            ("1e3", "USD", "1e3"),
            ("12.5", "", "12.5"),
            ("12.5", "XYZ", "12.5"),
        ] {
            assert_eq!(padded_in(amount, code), expected, "{amount} {code}");
        }
    }
}
