//! What is answered where there is no such path, as opposed to no such object.

use crate::problem::Problem;
use http::StatusCode;
use std::cmp::Reverse;
use std::sync::Arc;
use utoipa::openapi::OpenApi;

/// Longer paths than this get no suggestion: comparing them would cost more than it helps.
const MAX_LENGTH: usize = 80;
/// How many characters may differ from a path that is suggested.
const MAX_DISTANCE: usize = 4;

/// The paths that there are, as the OpenAPI document has them: `/v2/customers/{id}`.
#[derive(Clone)]
pub(crate) struct KnownPaths(Arc<[String]>);

impl KnownPaths {
    pub(crate) fn of(document: &OpenApi) -> Self {
        KnownPaths(document.paths.paths.keys().cloned().chain(["/openapi.json".to_owned()]).collect())
    }

    /// The answer to a request for a path that there is not.
    pub(crate) fn not_found(&self, path: &str) -> Problem {
        // A path that may have a key in it is not repeated.
        let is_shown = path.len() <= MAX_LENGTH && !path.contains("tnt_");
        let named = if is_shown { format!(" {path}") } else { String::new() };
        let message = match self.closest(path) {
            Some(closest) => {
                format!("there is no path{named}; did you mean {closest}? See /openapi.json for all paths")
            }
            None => format!("there is no path{named}; see /openapi.json for all paths"),
        };
        Problem::new(StatusCode::NOT_FOUND, message)
    }

    fn closest(&self, path: &str) -> Option<&str> {
        if path.len() > MAX_LENGTH {
            return None;
        }
        let is_id = |segment: &str| !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit());
        let asked: Vec<&str> =
            path.split('/').map(|segment| if is_id(segment) { "{id}" } else { segment }).collect();
        let asked = asked.join("/");
        let near = self.0.iter().filter(|known| known.len().abs_diff(asked.len()) <= MAX_DISTANCE);
        let rated = near.map(|known| (strsim::levenshtein(&asked, known), known));
        // Of paths that are as close, those under /v2 come first.
        let (distance, known) = rated.min_by_key(|(distance, known)| (*distance, Reverse(*known)))?;
        (distance <= MAX_DISTANCE.min(asked.len() / 3)).then_some(known.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_path_is_suggested() {
        let known = KnownPaths::of(&crate::document());
        for (asked, expected) in [
            ("/v2/customer", Some("/v2/customers")),
            ("/v2/customer/7", Some("/v2/customers/{id}")),
            ("/v1/users", Some("/v2/users")),
            ("/customers", Some("/v2/customers")),
            ("/v1/customer_statement", Some("/v1/customer_statements")),
            ("/v3/customers/7/users", Some("/v2/customers/{id}/users")),
            ("/", None),
            ("/favicon.ico", None),
            ("/wp-login.php", None),
        ] {
            assert_eq!(known.closest(asked), expected, "{asked}");
        }
        assert_eq!(known.closest(&format!("/v2/customers{}", "/".repeat(4000))), None);
    }
}
