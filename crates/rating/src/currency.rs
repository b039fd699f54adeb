//! Currencies by ISO 4217.

use crate::text_serde;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// A currency of ISO 4217 that people are billed in: one with a minor unit, so neither gold nor test codes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency(iso_currency::Currency);

/// A text that is no currency's code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a currency code of ISO 4217 such as USD")]
pub struct NotACurrency;

impl Currency {
    /// Its three letters.
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// Its English name: "Euro".
    pub fn name(self) -> String {
        self.0.name().to_owned()
    }

    /// Its sign: "€"; the code where it has none.
    pub fn symbol(self) -> String {
        let symbol = self.0.symbol().symbol;
        if symbol == "¤" { self.code().to_owned() } else { symbol }
    }

    /// Decimal places of its smallest coin: 2 for USD, 0 for JPY, 3 for BHD.
    pub fn minor_unit(self) -> u8 {
        self.0.exponent().map_or(2, |places| places.min(18) as u8)
    }
}

impl FromStr for Currency {
    type Err = NotACurrency;

    /// The code in any case.
    fn from_str(text: &str) -> Result<Self, NotACurrency> {
        let known = iso_currency::Currency::from_code(&text.to_ascii_uppercase());
        known.filter(|currency| currency.exponent().is_some()).map(Currency).ok_or(NotACurrency)
    }
}

impl Ord for Currency {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.code().cmp(other.code())
    }
}

impl PartialOrd for Currency {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text_serde::parsed(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn currencies() {
        for (text, code, places, symbol) in [
            ("USD", "USD", 2, "$"),
            ("eur", "EUR", 2, "€"),
            ("JPY", "JPY", 0, "¥"),
            ("BHD", "BHD", 3, ".د.ب"),
            ("CLF", "CLF", 4, "CLF"),
        ] {
            let currency: Currency = text.parse().unwrap();
            assert_eq!((currency.code(), currency.minor_unit()), (code, places));
            assert_eq!(currency.symbol(), symbol);
        }
        for wrong in ["", "US", "USDX", "XAU", "XXX", "XTS", "ZZZ", "$"] {
            assert!(wrong.parse::<Currency>().is_err(), "{wrong}");
        }
    }
}
