//! The style sheet, the script and the icon. Their names hold a digest of their content, so that browsers may keep them.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::sync::LazyLock;

const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// A static file.
struct Asset {
    name: String,
    media_type: &'static str,
    content: &'static str,
    tag: String,
}

/// The paths of the assets, for templates.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paths {
    pub(crate) css: &'static str,
    pub(crate) js: &'static str,
    pub(crate) icon: &'static str,
}

static ASSETS: LazyLock<[Asset; 3]> = LazyLock::new(|| {
    [
        asset("console", "css", "text/css; charset=utf-8", include_str!("../assets/console.css")),
        asset("console", "js", "text/javascript; charset=utf-8", include_str!("../assets/console.js")),
        asset("icon", "svg", "image/svg+xml", include_str!("../assets/icon.svg")),
    ]
});

static PATHS: LazyLock<[String; 3]> =
    LazyLock::new(|| [0, 1, 2].map(|at| format!("/console/assets/{}", ASSETS[at].name)));

fn asset(stem: &str, extension: &str, media_type: &'static str, content: &'static str) -> Asset {
    let digest = Sha256::digest(content.as_bytes());
    let mut hash = String::new();
    for byte in digest.iter().take(8) {
        let _ = write!(hash, "{byte:02x}");
    }
    let name = format!("{stem}.{hash}.{extension}");
    Asset { name, media_type, content, tag: format!("\"{hash}\"") }
}

/// The paths of this build's assets.
pub(crate) fn paths() -> Paths {
    let [css, js, icon] = &*PATHS;
    Paths { css, js, icon }
}

/// The asset with this name. A name of another build is not found, so that no cache keeps the wrong content under it.
pub(crate) fn respond(name: &str, headers: &HeaderMap) -> Option<Response> {
    let asset = ASSETS.iter().find(|asset| asset.name == name)?;
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let is_known =
        known.is_some_and(|tags| tags.split(',').any(|tag| tag.trim().trim_start_matches("W/") == asset.tag));
    let caching = [(header::CACHE_CONTROL, IMMUTABLE), (header::ETAG, asset.tag.as_str())];
    if is_known {
        return Some((StatusCode::NOT_MODIFIED, caching).into_response());
    }
    Some((caching, [(header::CONTENT_TYPE, asset.media_type)], asset.content).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_and_the_style_sheet_stay_small() {
        for (name, limit) in [("css", 30 * 1024), ("js", 15 * 1024), ("svg", 2 * 1024)] {
            let asset = ASSETS.iter().find(|asset| asset.name.ends_with(name)).unwrap();
            assert!(asset.content.len() <= limit, "{}: {} bytes", asset.name, asset.content.len());
        }
    }

    #[test]
    fn nothing_is_loaded_from_elsewhere() {
        for asset in &*ASSETS {
            let content = asset.content.replace("http://www.w3.org/2000/svg", "");
            assert!(!content.contains("://") && !content.contains("@import"), "{}", asset.name);
        }
    }
}
