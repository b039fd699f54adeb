//! Forms and query strings: names with values, in their order.

/// The most fields that a form may have.
const MAX_FIELDS: usize = 500;

/// Decoded names and values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields(Vec<(String, String)>);

impl From<Vec<(String, String)>> for Fields {
    fn from(fields: Vec<(String, String)>) -> Self {
        Fields(fields)
    }
}

impl Fields {
    /// Decodes `application/x-www-form-urlencoded`; `None` for more fields than a form has.
    pub(crate) fn decode(encoded: &[u8]) -> Option<Self> {
        let fields: Vec<(String, String)> = form_urlencoded::parse(encoded)
            .take(MAX_FIELDS + 1)
            .map(|(n, v)| (n.into_owned(), v.into_owned()))
            .collect();
        (fields.len() <= MAX_FIELDS).then_some(Fields(fields))
    }

    /// The first value with this name, without white space around it; `""` if there is none.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(this, _)| this == name).map_or("", |(_, value)| value.trim())
    }

    /// All values with this name that are not blank.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let values = self.0.iter().filter(move |(this, _)| this == name).map(|(_, value)| value.trim());
        values.filter(|value| !value.is_empty())
    }

    /// Whether there are no fields.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names and values.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// A query string of these names and values, with its `?`; blank values are left out.
pub(crate) fn query_string<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    let mut empty = true;
    for (name, value) in fields.into_iter().filter(|(_, value)| !value.is_empty()) {
        query.append_pair(name, value);
        empty = false;
    }
    if empty { String::new() } else { format!("?{}", query.finish()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_decoded() {
        let fields = Fields::decode(b"a=1&b=x%20y+z&a=2&c=%C3%BC&d=++&e").unwrap();
        assert_eq!((fields.get("a"), fields.get("b"), fields.get("c")), ("1", "x y z", "ü"));
        assert_eq!((fields.get("d"), fields.get("e"), fields.get("f")), ("", "", ""));
        assert_eq!(query_string([("a", "1 2"), ("b", ""), ("c", "ü")]), "?a=1+2&c=%C3%BC");
        assert_eq!(query_string([("b", "")]), "");
        assert!(Fields::decode("a&".repeat(MAX_FIELDS).as_bytes()).is_some());
        assert!(Fields::decode("a&".repeat(MAX_FIELDS + 1).as_bytes()).is_none());
    }
}
