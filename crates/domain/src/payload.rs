//! The members that a payload may have, and how unknown members are handled.

use crate::customer::Handling;
use crate::json::Json;
use crate::near::near;
use crate::violation::{Violation, Violations, code, path, segment};

/// The schema of a payload's object, or of an object in it.
#[derive(Debug)]
pub struct Payload {
    /// The members that a payload can set.
    pub members: &'static [Member],
    /// The members of a response that a payload cannot set. They are ignored under lenient and strict handling, so that a
    /// response can be sent back.
    pub read_only: &'static [&'static str],
}

/// A member of a payload.
#[derive(Debug)]
pub struct Member {
    /// The name.
    pub name: &'static str,
    /// The schema of its value, if that is an object; with `array`, the schema of each element.
    pub object: Option<&'static Payload>,
    /// Whether its value is an array of objects.
    pub array: bool,
    /// Names that other products use for it. They are reported as near misses and never read.
    pub aliases: &'static [&'static str],
}

impl Member {
    /// A member without parts.
    pub const fn plain(name: &'static str) -> Self {
        Member { name, object: None, array: false, aliases: &[] }
    }

    /// A member with names that other products use for it.
    pub const fn alias(name: &'static str, aliases: &'static [&'static str]) -> Self {
        Member { name, object: None, array: false, aliases }
    }

    /// A member that is an object.
    pub const fn object(name: &'static str, object: &'static Payload) -> Self {
        Member { name, object: Some(object), array: false, aliases: &[] }
    }

    /// A member that is an array of objects.
    pub const fn array(name: &'static str, object: &'static Payload) -> Self {
        Member { name, object: Some(object), array: true, aliases: &[] }
    }
}

/// The maximum number of members of one object that are compared with the known ones.
const MAX_COMPARED: usize = 1000;

impl Payload {
    /// A violation for each unknown member: under strict handling for all of them, under lenient handling for near misses
    /// of a member that the payload lacks.
    pub fn unknown(&self, body: &Json, handling: Handling) -> Violations {
        let mut violations = Violations::default();
        self.each(body, &mut String::new(), &mut |at, verdict| {
            let message = match verdict {
                Verdict::Meant(member) => format!("is unknown; did you mean {member}?"),
                Verdict::Unknown { near: Some(member) } if handling == Handling::Strict => {
                    format!("is unknown; did you mean {member}?")
                }
                Verdict::Unknown { near: None } if handling == Handling::Strict => "is unknown".to_owned(),
                _ => return true,
            };
            violations.push(Violation::new(at, code::UNKNOWN, message));
            !violations.is_full()
        });
        violations
    }

    /// The paths of the ignored members, such as `colour` and `address.planet`. At most 50.
    pub fn ignored(&self, body: &Json) -> Vec<String> {
        let mut ignored = Vec::new();
        self.each(body, &mut String::new(), &mut |at, _| {
            ignored.push(path(at));
            ignored.len() < 50
        });
        ignored
    }

    /// Passes each unknown member to `see`, until that returns `false`.
    fn each(&self, json: &Json, at: &mut String, see: &mut dyn FnMut(&str, Verdict) -> bool) -> bool {
        let length = at.len();
        match json {
            Json::Object(members) => {
                let given = |name| members.iter().any(|(known, value)| known == name && !value.is_blank());
                let missing: Vec<&Member> =
                    self.members.iter().filter(|member| !given(member.name)).collect();
                for (i, (name, value)) in members.iter().enumerate() {
                    at.push_str(&segment(name));
                    let go_on = match self.members.iter().find(|member| member.name == name) {
                        // Of another type than it should be, it has no members that are known.
                        Some(Member { object: Some(object), array, .. })
                            if *array == matches!(value, Json::Array(_)) =>
                        {
                            object.each(value, at, see)
                        }
                        Some(_) => true,
                        None => {
                            let verdict = if i < MAX_COMPARED {
                                self.judge(name, value, &missing)
                            } else {
                                Verdict::FAR
                            };
                            see(at, verdict)
                        }
                    };
                    at.truncate(length);
                    if !go_on {
                        return false;
                    }
                }
                true
            }
            Json::Array(elements) => elements.iter().enumerate().all(|(i, element)| {
                at.push_str(&format!("/{i}"));
                let go_on = self.each(element, at, see);
                at.truncate(length);
                go_on
            }),
            _ => true,
        }
    }

    fn judge(&self, name: &str, value: &Json, missing: &[&'static Member]) -> Verdict {
        if self.read_only.contains(&name) {
            return Verdict::ReadOnly;
        }
        match nearest(name, missing.iter().copied()) {
            Some(member) if !value.is_blank() => Verdict::Meant(member),
            _ => Verdict::Unknown { near: nearest(name, self.members) },
        }
    }
}

/// The member that has the name as an alias, or that the name misspells.
fn nearest(name: &str, members: impl IntoIterator<Item = &'static Member> + Clone) -> Option<&'static str> {
    let called = |member: &&Member| member.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(name));
    let alias = members.clone().into_iter().find(called).map(|member| member.name);
    alias.or_else(|| near(name, members.into_iter().map(|member| member.name)))
}

/// What a member is that does not count.
enum Verdict {
    ReadOnly,
    /// A near miss of this member, which is not given.
    Meant(&'static str),
    Unknown {
        near: Option<&'static str>,
    },
}

impl Verdict {
    const FAR: Verdict = Verdict::Unknown { near: None };
}

#[cfg(test)]
mod tests {
    use super::*;

    static ADDRESS: Payload = Payload {
        members: &[Member::plain("state"), Member::alias("zipcode", &["postcode"])],
        read_only: &[],
    };
    static BODY: Payload = Payload {
        members: &[
            Member::plain("name"),
            Member::plain("classification"),
            Member::array("address", &ADDRESS),
        ],
        read_only: &["id", "names"],
    };

    #[test]
    fn near_misses_unknown_and_read_only_members() {
        for (body, lenient, strict, ignored) in [
            (r#"{"name": "a", "address": [{"state": "x"}]}"#, "", "", ""),
            (r#"{"address": {"State": "x"}}"#, "", "", ""),
            (r#"{"id": 1, "names": 1}"#, "", "", "id, names"),
            (r#"{"colour": 1}"#, "", "colour is unknown", "colour"),
            (
                r#"{"clasification": 1}"#,
                "clasification is unknown; did you mean classification?",
                "clasification is unknown; did you mean classification?",
                "clasification",
            ),
            // What counts is there.
            (
                r#"{"clasification": 1, "classification": 1}"#,
                "",
                "clasification is unknown; did you mean classification?",
                "clasification",
            ),
            // Nothing was meant to count.
            (
                r#"{"clasification": null}"#,
                "",
                "clasification is unknown; did you mean classification?",
                "clasification",
            ),
            (
                r#"{"clasification": 1, "classification": null}"#,
                "clasification is unknown; did you mean classification?",
                "clasification is unknown; did you mean classification?",
                "clasification",
            ),
            (
                r#"{"address": [{"State": "x"}, {"postcode": 1, "x": {"name": 1}}]}"#,
                "address[0].State is unknown; did you mean state?; \
                 address[1].postcode is unknown; did you mean zipcode?",
                "address[0].State is unknown; did you mean state?; \
                 address[1].postcode is unknown; did you mean zipcode?; address[1].x is unknown",
                "address[0].State, address[1].postcode, address[1].x",
            ),
            ("7", "", "", ""),
        ] {
            let json = Json::parse(body.as_bytes()).unwrap();
            assert_eq!(BODY.unknown(&json, Handling::Lenient).to_string(), lenient, "{body}");
            assert_eq!(BODY.unknown(&json, Handling::Strict).to_string(), strict, "{body}");
            assert_eq!(BODY.ignored(&json).join(", "), ignored, "{body}");
        }
    }
}
