//! The message catalogue: one Fluent file for each language in `locales`.

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use http::{HeaderMap, header};
use std::sync::LazyLock;
use unic_langid::LanguageIdentifier;

/// A language of the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lang {
    En,
    De,
}

impl Lang {
    pub(crate) const ALL: [Lang; 2] = [Lang::En, Lang::De];

    /// The language's tag (BCP 47).
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Lang::En => "en",
            Lang::De => "de",
        }
    }

    /// The language's own name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Lang::En => "English",
            Lang::De => "Deutsch",
        }
    }

    fn source(self) -> &'static str {
        match self {
            Lang::En => include_str!("../locales/en.ftl"),
            Lang::De => include_str!("../locales/de.ftl"),
        }
    }

    /// The language with this tag, whatever its region.
    pub(crate) fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.trim().split(['-', '_']).next().unwrap_or_default();
        Lang::ALL.into_iter().find(|lang| lang.tag().eq_ignore_ascii_case(primary))
    }

    /// The language that a browser prefers (RFC 9110, section 12.5.4); English if it names none of ours.
    pub(crate) fn preferred(headers: &HeaderMap) -> Self {
        let mut best = (Lang::En, 0);
        let values = headers.get_all(header::ACCEPT_LANGUAGE).iter().filter_map(|value| value.to_str().ok());
        for range in values.flat_map(|value| value.split(',')) {
            let (tag, quality) = range.split_once(';').unwrap_or((range, ""));
            let quality = quality.trim().strip_prefix("q=").map_or(Some(1000), thousandths);
            if let (Some(lang), Some(quality)) = (Lang::of_tag(tag), quality)
                && quality > best.1
            {
                best = (lang, quality);
            }
        }
        best.0
    }

    /// The message with this id.
    pub(crate) fn text(self, id: &str, args: Option<&FluentArgs<'_>>) -> String {
        let bundle = &BUNDLES[self as usize];
        let Some(pattern) = bundle.get_message(id).and_then(|message| message.value()) else {
            return format!("[{id}]"); // a test looks for ids without a message
        };
        let mut errors = Vec::new();
        bundle.format_pattern(pattern, args, &mut errors).into_owned()
    }

    /// The message with this id, and values for its variables.
    pub(crate) fn text_with(self, id: &str, values: &[(&str, &str)]) -> String {
        let args = values.iter().map(|(name, value)| (*name, FluentValue::from(*value))).collect();
        self.text(id, Some(&args))
    }

    /// The message with this id for a number of things: `$count` chooses the plural, `$shown` is the number as it is shown.
    pub(crate) fn count(self, id: &str, count: i64) -> String {
        let args = [
            ("count", FluentValue::from(count)),
            ("shown", FluentValue::from(crate::format::number(self, count))),
        ];
        self.text(id, Some(&args.into_iter().collect()))
    }

    /// Whether there is a message with this id.
    pub(crate) fn has(self, id: &str) -> bool {
        BUNDLES[self as usize].get_message(id).is_some_and(|message| message.value().is_some())
    }
}

/// A quality such as `0.8`, in thousandths.
fn thousandths(text: &str) -> Option<u32> {
    let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let digits: String = fraction.chars().chain("000".chars()).take(3).collect();
    Some(whole.parse::<u32>().ok()?.min(1) * 1000 + digits.parse::<u32>().ok()?)
}

static BUNDLES: LazyLock<[FluentBundle<FluentResource>; 2]> = LazyLock::new(|| Lang::ALL.map(bundle));

fn bundle(lang: Lang) -> FluentBundle<FluentResource> {
    let tag: LanguageIdentifier = lang.tag().parse().unwrap_or_default();
    let mut bundle = FluentBundle::new_concurrent(vec![tag]);
    // Marks of direction around each value would be copied along with it.
    bundle.set_use_isolating(false);
    let resource = FluentResource::try_new(lang.source().to_owned());
    // What can be read of a file with mistakes is used; a test refuses mistakes.
    bundle.add_resource_overriding(resource.unwrap_or_else(|(readable, _)| readable));
    bundle
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::Path;

    /// Each message of a file with the variables that it uses.
    fn messages(lang: Lang) -> BTreeMap<String, BTreeSet<String>> {
        FluentResource::try_new(lang.source().to_owned()).expect("a file without mistakes");
        let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut current = String::new();
        for line in lang.source().lines().filter(|line| !line.starts_with('#')) {
            if line.starts_with(|c: char| c.is_ascii_lowercase()) {
                current = line.split('=').next().unwrap().trim().to_owned();
                assert!(found.insert(current.clone(), BTreeSet::new()).is_none(), "{current} stands twice");
            }
            for (at, _) in line.match_indices('$') {
                let name: String =
                    line[at + 1..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                found.get_mut(&current).unwrap().insert(name);
            }
        }
        found
    }

    #[test]
    fn every_language_has_every_message_with_the_same_variables() {
        let english = messages(Lang::En);
        for lang in Lang::ALL {
            assert_eq!(messages(lang), english, "{lang:?}");
        }
    }

    /// The ids that the source names: texts such as `"nav-home"` in templates and in Rust.
    fn used() -> BTreeSet<String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut folders = vec![root.join("src"), root.join("templates")];
        let mut used = BTreeSet::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let source = std::fs::read_to_string(&path).unwrap();
                used.extend(source.split('"').map(str::to_owned));
            }
        }
        used
    }

    #[test]
    fn every_message_is_used_and_every_used_message_is_there() {
        let (english, used) = (messages(Lang::En), used());
        // Ids that are put together from a prefix and a value: `role-` and `admin`, as `role-{}` or `role-{role}`.
        let is_used = |id: &String| {
            used.contains(id)
                || id.match_indices('-').any(|(at, _)| {
                    let rest = |text: &String| text.strip_prefix(&id[..=at]).map(str::to_owned);
                    used.iter().filter_map(rest).any(|rest| rest.starts_with('{') && rest.ends_with('}'))
                })
        };
        let unused: Vec<&String> = english.keys().filter(|id| !is_used(id)).collect();
        assert!(unused.is_empty(), "no page shows {unused:?}");
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let source = std::fs::read_to_string(&path).unwrap();
            for call in ["l.t(\"", "l.count(\"", "l.t1(\"", "l.t2(\""] {
                for (at, _) in source.match_indices(call) {
                    let id = source[at + call.len()..].split('"').next().unwrap();
                    assert!(english.contains_key(id), "{}: there is no message {id}", path.display());
                }
            }
        }
    }

    #[test]
    fn the_language_follows_the_browser() {
        for (accepted, expected) in [
            ("", Lang::En),
            ("de", Lang::De),
            ("de-AT,de;q=0.9,en;q=0.8", Lang::De),
            ("en-GB,en;q=0.9,de;q=0.8", Lang::En),
            ("fr;q=1.0, de;q=0.5, en;q=0.1", Lang::De),
            ("fr", Lang::En),
            ("de;q=0, en;q=0.1", Lang::En),
            ("de;q=x", Lang::En),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, accepted.parse().unwrap());
            assert_eq!(Lang::preferred(&headers), expected, "{accepted}");
        }
    }
}
