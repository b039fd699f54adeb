//! What makes a message's text in other languages than English: the id of that text, and the values in it.

use crate::amount::Amount;
use crate::currency::Currency;
use crate::period::BillingPeriod;
use crate::warning::{Counted, Money};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;

/// The text of a message in other languages: `report-empty-file`, and the values in it by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wording {
    /// The id of the text.
    pub id: String,
    /// The values in it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, Value>,
}

/// A value in a text, for each language to write in its own way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// A count, which chooses the plural.
    Number(u64),
    /// Sums, at most one of each currency.
    Money(Vec<Money>),
    /// A name, an id, a file or a month.
    Text(String),
}

impl Wording {
    /// The text with this id and these values.
    pub fn new<const N: usize>(id: &str, values: [(&str, Value); N]) -> Self {
        let values = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Wording { id: id.to_owned(), values }
    }
}

impl From<u64> for Value {
    fn from(count: u64) -> Self {
        Value::Number(count)
    }
}

impl From<usize> for Value {
    fn from(count: usize) -> Self {
        Value::Number(count as u64)
    }
}

impl From<&Counted> for Value {
    fn from(counted: &Counted) -> Self {
        Value::Money(counted.amounts.clone())
    }
}

impl From<(Amount, Currency)> for Value {
    fn from((amount, currency): (Amount, Currency)) -> Self {
        Value::Money(vec![Money { currency, amount }])
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.to_owned())
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Value::Text(text.clone())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(text)
    }
}

impl From<BillingPeriod> for Value {
    fn from(month: BillingPeriod) -> Self {
        Value::Text(month.to_string())
    }
}

/// A message in English, and what makes its text in other languages; in JSON a string where that is not known, as of reports of
/// version 0.2 and earlier.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Message {
    /// The message in English.
    pub text: String,
    /// Its text in other languages.
    pub wording: Option<Wording>,
}

impl Message {
    /// A message that has a text in other languages.
    pub fn worded(text: impl Into<String>, wording: Wording) -> Self {
        Message { text: text.into(), wording: Some(wording) }
    }

    /// A message whose text in other languages has this id and no values.
    pub fn fixed(text: impl Into<String>, id: &str) -> Self {
        Message::worded(text, Wording::new(id, []))
    }

    /// A message that has a text in English alone: one that was stored without a wording.
    pub fn untranslated(text: impl Into<String>) -> Self {
        Message { text: text.into(), wording: None }
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Worded {
    text: String,
    wording: Wording,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Stored {
    Text(String),
    Worded(Worded),
}

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.wording.clone() {
            Some(wording) => Worded { text: self.text.clone(), wording }.serialize(serializer),
            None => self.text.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Stored::deserialize(deserializer)? {
            Stored::Text(text) => Message::untranslated(text),
            Stored::Worded(Worded { text, wording }) => Message::worded(text, wording),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_with_and_without_a_wording() {
        let usd: Currency = "USD".parse().unwrap();
        let amount: Amount = "12.5".parse().unwrap();
        let wording = Wording::new(
            "report-x",
            [("lines", 2_u64.into()), ("cost", (amount, usd).into()), ("name", "Acme".into())],
        );
        for (message, json) in [
            (Message::untranslated("plain"), r#""plain""#.to_owned()),
            (
                Message::worded("2 lines", wording),
                r#"{"text":"2 lines","wording":{"id":"report-x","values":{"cost":{"money":[{"currency":"USD","amount":"12.5"}]},"lines":{"number":2},"name":{"text":"Acme"}}}}"#
                    .to_owned(),
            ),
        ] {
            assert_eq!(serde_json::to_string(&message).unwrap(), json);
            assert_eq!(serde_json::from_str::<Message>(&json).unwrap(), message);
        }
        assert!(serde_json::from_str::<Message>(r#"{"text":"a","wording":{"id":"b","more":1}}"#).is_err());
    }
}
