//! The pages of a list.

use crate::{Client, Error, Response};
use http::header;
use serde_json::Value;

/// Follows a list from page to page, by the `Link` with `rel="next"` of each answer (RFC 8288). A page may have fewer
/// entries than were asked for, or none; the list ends where no next page is named.
#[derive(Debug)]
pub struct Pages {
    client: Client,
    next: Option<String>,
    list: &'static str,
    total: Option<u64>,
}

impl Pages {
    pub(crate) fn new(client: Client, path: &str, list: &'static str) -> Self {
        Pages { client, next: Some(path.to_owned()), list, total: None }
    }

    /// How many entries the whole list has, once a page was read, and if the server says so.
    pub fn total(&self) -> Option<u64> {
        self.total
    }

    /// The next page; `None` after the last.
    ///
    /// # Errors
    /// As [`Client::send`]; [`Error::Unexpected`] if there is no list in the answer, or a page that leads back to itself.
    pub async fn next(&mut self) -> Result<Option<Vec<Value>>, Error> {
        let Some(path) = self.next.take() else { return Ok(None) };
        let response = self.client.get(&path).await?;
        let unexpected = |message: String| Error::Unexpected { url: self.client.base().to_string(), message };
        let mut body = response.json()?;
        let Some(Value::Array(entries)) = body.get_mut(self.list).map(Value::take) else {
            return Err(unexpected(format!("there is no list {:?} at {path}", self.list)));
        };
        self.total = response.header("x-total").and_then(|total| total.parse().ok());
        self.next = self.client.next_page(&response);
        if self.next.as_ref() == Some(&path) {
            return Err(unexpected(format!("the page {path} leads to itself")));
        }
        Ok(Some(entries))
    }
}

impl Client {
    /// The path of the page after this one, if the answer names one.
    pub fn next_page(&self, response: &Response) -> Option<String> {
        let mut links = response.headers.get_all(header::LINK).iter().filter_map(|link| link.to_str().ok());
        links.find_map(next_of).and_then(|target| self.base().path_of(target))
    }
}

/// The target of the link with the relation `next`. A comma or a semicolon may be part of a target.
fn next_of(mut links: &str) -> Option<&str> {
    loop {
        let (_, rest) = links.split_once('<')?;
        let (target, rest) = rest.split_once('>')?;
        let parameters = rest.split('<').next().unwrap_or_default();
        let is_next = parameters.split([';', ',']).any(|parameter| {
            parameter.split_once('=').is_some_and(|(name, value)| {
                let relations = value.trim().trim_matches('"').split_whitespace();
                name.trim().eq_ignore_ascii_case("rel") && { relations }
                    .any(|relation| relation.eq_ignore_ascii_case("next"))
            })
        });
        if is_next {
            return Some(target);
        }
        links = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found_in_a_link_header() {
        for (links, next) in [
            (r#"<https://t/c?page=2>; rel="next""#, Some("https://t/c?page=2")),
            (
                r#"<https://t/c?page=1>; rel="first", <https://t/c?a=1,2;3>; rel="next", <u>; rel="last""#,
                Some("https://t/c?a=1,2;3"),
            ),
            ("<https://t/c?page=2>; rel=next", Some("https://t/c?page=2")),
            (r#"<a>; title="x"; REL="Next last""#, Some("a")),
            (r#"<a>; rel="prev""#, None),
            (r#"<a>; rel="nextish""#, None),
            ("next", None),
            ("<a", None),
            ("", None),
        ] {
            assert_eq!(next_of(links), next, "{links}");
        }
    }
}
