//! Keys below the root: `p{partner}/{folder}/{billing_period}/{customer_id}/v{n}/NAME` for bills, `_runs/…` for what only
//! the partner may read.
//!
//! The first segment is always the partner's or [`PRIVATE`], and no folder has a segment that looks like a month or a
//! version. So a key says which bill it belongs to, no two bills share a key, and no bill lies inside another.

use crate::Error;

/// The area below the root that holds ledgers, drafts, claims and the layout marker. No customer's folder lies in it.
pub const PRIVATE: &str = "_runs";

/// Prefix of the keys of drafts, which the keys of bills follow.
pub(crate) const DRAFTS: &str = "_runs/drafts/";

/// One of both places where a version of a bill can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Area {
    /// In their customer's folder.
    Shown,
    /// In the private area.
    Drafts,
}

impl Area {
    pub(crate) const ALL: [Area; 2] = [Area::Shown, Area::Drafts];

    /// The key in this area of an object that has the given key in the customer's folder.
    pub(crate) fn key(self, key: &str) -> String {
        match self {
            Area::Shown => key.to_owned(),
            Area::Drafts => format!("{DRAFTS}{key}"),
        }
    }
}

/// Maximum length of a key in bytes: S3's.
pub(crate) const MAX_KEY_BYTES: usize = 1024;

/// The first segment of everything that belongs to a partner: `p7`.
pub fn partner_segment(partner: i64) -> String {
    format!("p{partner}")
}

/// Whether a segment is a partner's: `p7`, not `p07`.
pub(crate) fn is_partner_segment(segment: &str) -> bool {
    segment.strip_prefix('p').is_some_and(|number| positive(number).is_some())
}

/// All versions of one customer's bill of one month.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BillPrefix {
    partner: i64,
    folder: String,
    billing_period: String,
    customer_id: i64,
}

impl BillPrefix {
    /// The bill of a partner's customer in the folder that its configuration names (empty: the partner's own), for a month
    /// such as `2026-10`.
    ///
    /// # Errors
    /// [`Error::Invalid`] if one of them cannot be part of a key.
    pub fn new(partner: i64, folder: &str, billing_period: &str, customer_id: i64) -> Result<Self, Error> {
        check_segments("folder", folder)?;
        if !is_month(billing_period) {
            return Err(Error::Invalid(format!("{billing_period:?} is not a month such as 2026-10")));
        }
        if partner < 1 || customer_id < 1 {
            return Err(Error::Invalid(format!("partner {partner}, customer {customer_id}: ids begin at 1")));
        }
        Ok(BillPrefix {
            partner,
            folder: folder.to_owned(),
            billing_period: billing_period.to_owned(),
            customer_id,
        })
    }

    /// The bill and version that a key such as `p1/acme/2026-10/3947/v2/` belongs to, with or without the slash at its end.
    pub fn parse(key: &str) -> Option<(Self, u32)> {
        let place = split(key.trim_end_matches('/'))?;
        let (partner, folder) = match place.folder.split_once('/') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (place.folder, ""),
        };
        let partner = partner.strip_prefix('p').and_then(positive)?;
        let bill = BillPrefix::new(partner, folder, place.billing_period, place.customer_id).ok()?;
        Some((bill, place.version))
    }

    /// The month.
    pub fn billing_period(&self) -> &str {
        &self.billing_period
    }

    /// The customer's id.
    pub fn customer_id(&self) -> i64 {
        self.customer_id
    }

    /// The folder, without the partner's segment.
    pub fn folder(&self) -> &str {
        &self.folder
    }

    /// `p1/acme/2026-10/3947/v1/`, as reports show it.
    pub fn of_version(&self, version: u32) -> String {
        format!("{self}v{version}/")
    }

    /// `_runs/drafts/p1/acme/2026-10/3947/v1/`: the key of a version that its customer does not see.
    pub fn of_draft(&self, version: u32) -> String {
        Area::Drafts.key(&self.of_version(version))
    }
}

/// `p1/acme/2026-10/3947/`
impl std::fmt::Display for BillPrefix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}/", folder_key(self.partner, &self.folder), self.billing_period, self.customer_id)
    }
}

/// A partner's folder below the root, without a slash at its end: `p1/acme`, or `p1`.
pub(crate) fn folder_key(partner: i64, folder: &str) -> String {
    let partner = partner_segment(partner);
    if folder.is_empty() { partner } else { format!("{partner}/{folder}") }
}

/// The parts of a key that ends in `{billing_period}/{customer_id}/v{n}`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place<'a> {
    /// All segments before, which may be none.
    pub(crate) folder: &'a str,
    pub(crate) billing_period: &'a str,
    pub(crate) customer_id: i64,
    pub(crate) version: u32,
}

/// Reads a key from its end. `None` if it is not a version of a bill.
pub(crate) fn split(key: &str) -> Option<Place<'_>> {
    let mut parts = key.rsplitn(4, '/');
    let version = version_number(parts.next()?)?;
    let customer_id = positive(parts.next()?)?;
    let billing_period = parts.next().filter(|month| is_month(month))?;
    Some(Place { folder: parts.next().unwrap_or(""), billing_period, customer_id, version })
}

/// The number of a version's folder: 3 of `v3`, nothing of `v03`.
pub(crate) fn version_number(segment: &str) -> Option<u32> {
    positive(segment.strip_prefix('v')?)?.try_into().ok()
}

/// A number from 1 on, as it is written in keys.
fn positive(digits: &str) -> Option<i64> {
    let number = digits.parse().ok().filter(|number| *number > 0)?;
    (digits == i64::to_string(&number)).then_some(number)
}

fn is_month(text: &str) -> bool {
    let digits = |text: &str, count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    let month = text.split_once('-').filter(|(year, month)| digits(year, 4) && digits(month, 2));
    month.is_some_and(|(_, month)| ("01"..="12").contains(&month))
}

/// Checks a folder that is to be written to: plain segments, none of which could make a key of another bill. What a
/// customer's configuration may be is stricter; this is what keys depend on.
pub(crate) fn check_folder(folder: &str) -> Result<(), Error> {
    check_segments("folder", folder)?;
    let own = |segment: &&str| {
        is_month(segment)
            || version_number(segment).is_some()
            || [PRIVATE, crate::manifest::NAME, crate::index::NAME].contains(segment)
    };
    match folder.split('/').find(own) {
        None => Ok(()),
        Some(segment) => Err(Error::Invalid(format!(
            "folder {folder:?} has the segment {segment:?}, which bill storage itself uses: choose another name"
        ))),
    }
}

/// Checks that a text is segments with a slash between each two, or empty.
pub(crate) fn check_segments(what: &str, text: &str) -> Result<(), Error> {
    let bad = |why: &str| Err(Error::Invalid(format!("{what} {text:?} {why}")));
    if text.contains(|c: char| c.is_control() || c == '\\') {
        bad("has a control character or a backslash: it must be plain segments such as acme/bills")
    } else if !text.is_empty() && text.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
        bad("must not begin or end with /, and no segment may be empty, . or ..")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_from_their_end() {
        for (key, bill) in [
            ("p1/acme/2026-10/3947/v2/", Some((1, "acme", 3947, 2))),
            ("p1/2026-10/3947/v2", Some((1, "", 3947, 2))),
            ("p7/a/2026-10/1/v2/2026-10/5/v1", Some((7, "a/2026-10/1/v2", 5, 1))),
            ("p1/p1/2026-10/1/v1", Some((1, "p1", 1, 1))),
            ("acme/2026-10/3947/v2", None),
            ("2026-10/3947/v2", None),
            ("p01/acme/2026-10/3947/v2", None),
            ("p0/acme/2026-10/3947/v2", None),
            ("p1/acme/2026-13/3947/v2", None),
            ("p1/acme/2026-10/03947/v2", None),
            ("p1/acme/2026-10/3947/v02", None),
            ("p1/acme/2026-10/3947/v2/x", None),
            ("p1/acme/2026-10/3947/v99999999999", None),
            ("p1//2026-10/3947/v2", None),
        ] {
            let read = BillPrefix::parse(key);
            let read = read.as_ref().map(|(b, version)| (b.partner, b.folder(), b.customer_id, *version));
            assert_eq!(read, bill, "{key}");
        }
    }
}
