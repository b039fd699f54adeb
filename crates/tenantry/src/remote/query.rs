//! Paths with a query.

/// A path of the API, to which parameters are added.
pub(crate) struct Query {
    path: String,
    query: form_urlencoded::Serializer<'static, String>,
}

/// The largest page that servers give.
pub(crate) const PER_PAGE: u64 = 100;

impl Query {
    pub(crate) fn new(path: impl Into<String>) -> Self {
        Query { path: path.into(), query: form_urlencoded::Serializer::new(String::new()) }
    }

    #[expect(clippy::needless_pass_by_value, reason = "numbers and texts are written on the spot")]
    pub(crate) fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.query.append_pair(name, &value.to_string());
        self
    }

    /// Adds the parameter if there is a value.
    pub(crate) fn maybe(self, name: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    pub(crate) fn done(mut self) -> String {
        let query = self.query.finish();
        if query.is_empty() { self.path } else { format!("{}?{query}", self.path) }
    }
}

/// A part of a path, with everything escaped that would be read as something else.
pub(crate) fn segment(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}
