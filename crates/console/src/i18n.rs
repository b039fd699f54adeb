//! The message catalogue: one Fluent file for each language in `locales`.

use domain::{Reason, Violation};
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

    /// The texts of violations, which in English are their own messages, but for those that only callers of the API understand.
    fn violations(self) -> &'static str {
        match self {
            Lang::En => include_str!("../locales/en.violations.ftl"),
            Lang::De => include_str!("../locales/de.violations.ftl"),
        }
    }

    /// The texts of refusals, which in English are their own messages.
    fn refusals(self) -> &'static str {
        match self {
            Lang::En => "",
            Lang::De => include_str!("../locales/de.refusals.ftl"),
        }
    }

    /// The texts of what reports say, which in English are their own messages.
    fn reports(self) -> &'static str {
        match self {
            Lang::En => "",
            Lang::De => include_str!("../locales/de.reports.ftl"),
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

    /// What is wrong with a value, to stand after its field's name: by the violation's reason, else by its code.
    pub(crate) fn violation(self, violation: &Violation) -> String {
        let Violation { code, reason, message, .. } = violation;
        if let Some(Reason { id, values }) = reason.as_deref() {
            let id = format!("violation-{id}");
            if self.has(&id) {
                let values: Vec<(&str, String)> =
                    values.iter().map(|(name, value)| (*name, self.value(name, value))).collect();
                let values: Vec<(&str, &str)> =
                    values.iter().map(|(name, value)| (*name, value.as_str())).collect();
                return self.text_with(&id, &values);
            }
        }
        if self == Lang::En {
            return message.clone();
        }
        let id = format!("violation-of-{code}");
        // What has no text at least says what is wrong.
        if self.has(&id) { format!("{} ({message})", self.text(&id, None)) } else { message.clone() }
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

/// A whole number as the language writes it.
fn shown_number(lang: Lang, value: &FluentValue<'_>) -> Option<String> {
    match value {
        // Counts are far from where a float loses whole numbers.
        FluentValue::Number(number) => Some(crate::format::decimal(lang, &number.value.to_string())),
        _ => None,
    }
}

fn bundle(lang: Lang) -> FluentBundle<FluentResource> {
    let tag: LanguageIdentifier = lang.tag().parse().unwrap_or_default();
    let mut bundle = FluentBundle::new_concurrent(vec![tag]);
    // Marks of direction around each value would be copied along with it.
    bundle.set_use_isolating(false);
    bundle.set_formatter(Some(match lang {
        Lang::En => |value, _| shown_number(Lang::En, value),
        Lang::De => |value, _| shown_number(Lang::De, value),
    }));
    for source in [lang.source(), lang.violations(), lang.refusals(), lang.reports()] {
        let resource = FluentResource::try_new(source.to_owned());
        // What can be read of a file with mistakes is used; a test refuses mistakes.
        bundle.add_resource_overriding(resource.unwrap_or_else(|(readable, _)| readable));
    }
    bundle
}

#[cfg(test)]
mod tests {
    use super::*;
    use app::billing::WarningCode;
    use domain::code;
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::{Path, PathBuf};

    fn messages(lang: Lang) -> BTreeMap<String, BTreeSet<String>> {
        messages_of(lang.source())
    }

    /// Each message of a file with the variables that it uses.
    fn messages_of(source: &str) -> BTreeMap<String, BTreeSet<String>> {
        FluentResource::try_new(source.to_owned()).expect("a file without mistakes");
        let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut current = String::new();
        for line in source.lines().filter(|line| !line.starts_with('#')) {
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

    /// The texts of all files in these folders and below.
    fn sources(mut folders: Vec<PathBuf>) -> Vec<String> {
        let mut sources = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    sources.push(std::fs::read_to_string(&path).unwrap());
                }
            }
        }
        sources
    }

    /// The ids that the source names: texts such as `"nav-home"` in templates and in Rust.
    fn used() -> BTreeSet<String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let sources = sources(vec![root.join("src"), root.join("templates")]);
        sources.iter().flat_map(|source| source.split('"')).map(str::to_owned).collect()
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

    /// The reasons that the source of `domain`, `app` and `rating` gives by calls of this method, each with the names of its values.
    fn named_by(method: &str) -> BTreeMap<String, BTreeSet<String>> {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut reasons = BTreeMap::new();
        for source in sources(["domain", "app", "rating"].map(|name| crates.join(name).join("src")).into()) {
            for call in source.split(method).skip(1) {
                let Some(id) = call.trim_start().strip_prefix('"') else { continue };
                let id = id.split('"').next().unwrap().to_owned();
                let values = call.split_once("&[").map_or("", |(_, rest)| rest);
                let values = values.split("])").next().unwrap();
                let names =
                    values.split("(\"").skip(1).map(|name| name.split('"').next().unwrap().to_owned());
                reasons.insert(id, names.collect());
            }
        }
        reasons
    }

    /// The reasons of violations, each with the names of its values.
    fn reasons() -> BTreeMap<String, BTreeSet<String>> {
        let mut reasons = named_by(".because(");
        // The reasons of `too_long` and of lines of text stand in a table of their own.
        for (id, names) in [
            ("too-many", &["has", "max"][..]),
            ("too-long-characters", &["has", "max"]),
            ("too-long-bytes", &["has", "max"]),
            ("too-long-segment", &["has", "max"]),
            ("control-characters", &["character"]),
            ("line-separators", &["character"]),
            ("direction-characters", &["character"]),
        ] {
            reasons.insert(id.to_owned(), names.iter().map(|name| (*name).to_owned()).collect());
        }
        reasons
    }

    #[test]
    fn every_violation_has_a_text_in_every_language() {
        let reasons = reasons();
        assert!(reasons.len() > 45, "{reasons:?}");
        let codes = code::ALL.into_iter().chain(["not_found", "no_address", "unusable"]);
        let codes: BTreeSet<String> = codes.map(|code| format!("violation-of-{code}")).collect();
        for lang in Lang::ALL.into_iter().filter(|lang| *lang != Lang::En) {
            let texts = messages_of(lang.violations());
            for (id, names) in &reasons {
                let text = texts.get(&format!("violation-{id}"));
                let variables = text.unwrap_or_else(|| panic!("{lang:?} has no text for {id}"));
                assert!(variables.is_subset(names), "{lang:?}, {id}: {variables:?}, but there are {names:?}");
            }
            let known: BTreeSet<String> =
                reasons.keys().map(|id| format!("violation-{id}")).chain(codes.iter().cloned()).collect();
            assert_eq!(texts.into_keys().collect::<BTreeSet<_>>(), known, "{lang:?}");
        }
    }

    #[test]
    fn every_refusal_with_a_name_has_a_text_in_every_language() {
        let reasons = named_by(".named(");
        assert!(reasons.len() > 20, "{reasons:?}");
        for lang in Lang::ALL.into_iter().filter(|lang| *lang != Lang::En) {
            let texts = messages_of(lang.refusals());
            for (id, names) in &reasons {
                let variables = texts.get(&format!("refusal-{id}"));
                let variables = variables.unwrap_or_else(|| panic!("{lang:?} has no text for {id}"));
                assert!(variables.is_subset(names), "{lang:?}, {id}: {variables:?}, but there are {names:?}");
            }
            let known: BTreeSet<String> = reasons.keys().map(|id| format!("refusal-{id}")).collect();
            assert_eq!(texts.into_keys().collect::<BTreeSet<_>>(), known, "{lang:?}");
        }
    }

    #[test]
    fn every_code_of_a_warning_has_its_texts() {
        let german = messages_of(Lang::De.reports());
        for code in WarningCode::ALL {
            for lang in Lang::ALL {
                assert!(lang.has(&format!("warning-title-{}", code.name())), "{lang:?}: {}", code.name());
            }
            // Warnings of version 0.1 have neither code nor wording.
            let id = format!("report-{}", code.name().replace('_', "-"));
            assert!(german.contains_key(&id) || code == WarningCode::Uncoded, "{id}");
        }
        for id in app::billing::FetchErrorCode::ALL.map(|code| code.wording()) {
            assert!(german.contains_key(&id), "{id}");
        }
    }

    #[test]
    fn every_wording_has_a_text_in_every_language() {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let (mut ids, mut names) = (BTreeSet::new(), BTreeSet::new());
        for source in sources(vec![crates.join("rating/src"), crates.join("app/src")]) {
            let of_source = source.split("\"report-").skip(1).map(|rest| rest.split('"').next().unwrap());
            ids.extend(of_source.map(|id| format!("report-{id}")));
            let values = source.split("(\"").skip(1).filter_map(|rest| rest.split_once("\", "));
            names.extend(values.map(|(name, _)| name.to_owned()).filter(|name| !name.contains(' ')));
        }
        // Where there are several other months.
        for id in ["report-lines-of-other-months", "report-only-other-months"] {
            ids.insert(format!("{id}-several"));
        }
        // The ids of tests.
        ids.retain(|id| !["report-x"].contains(&id.as_str()));
        // A message without a text in other languages has to say so: what was stored without one, and tests.
        let without = sources(vec![crates.join("rating/src"), crates.join("app/src")]);
        let without = without.iter().map(|source| source.matches("Message::untranslated(").count());
        assert_eq!(without.sum::<usize>(), 6, "messages in English alone");
        assert!(ids.len() > 50, "{ids:?}");
        for lang in Lang::ALL.into_iter().filter(|lang| *lang != Lang::En) {
            let texts = messages_of(lang.reports());
            let found: BTreeSet<String> =
                texts.keys().filter(|id| id.starts_with("report-")).cloned().collect();
            assert_eq!(found, ids, "{lang:?}");
            let used: BTreeSet<String> = texts.into_values().flatten().collect();
            assert!(used.is_subset(&names), "{lang:?}: {:?}", used.difference(&names));
        }
    }

    #[test]
    fn violations_are_said_in_the_readers_language() {
        let taken = Violation::taken("/name");
        assert_eq!(Lang::En.violation(&taken), "has already been taken");
        assert_eq!(Lang::De.violation(&taken), "ist schon vergeben");
        let address = r#"{"street1": "a", "city": "b", "zipcode": "1067", "country": "DE"}"#;
        let address = domain::Address::parse(&domain::Json::parse(address.as_bytes()).unwrap()).unwrap_err();
        let texts: Vec<String> = address.iter().map(|violation| Lang::De.violation(violation)).collect();
        assert_eq!(
            texts,
            [
                "muss eine Postleitzahl dieses Landes sein (Deutschland), etwa 26133, nicht „1067“; meinten Sie 01067?"
            ]
        );
        let unnamed = Violation::new("", code::INVALID, "must be odd");
        assert_eq!(Lang::De.violation(&unnamed), "ist nicht gültig (must be odd)");
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
