//! Where things are: `{folder}/{billing_period}/{customer_id}/v{n}/NAME`, and what is the partner's alone.

use crate::Error;

/// What is not for customers: below it, and never below a customer's folder.
pub const PRIVATE: &str = "_runs";

/// One customer's bills of one month, in all their versions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BillPrefix {
    folder: String,
    billing_period: String,
    customer_id: i64,
}

impl BillPrefix {
    /// The bills of a customer in the folder its configuration names (empty: the root), for a month such as
    /// `2026-10`.
    ///
    /// # Errors
    /// [`Error::Invalid`] if one of them will not do as part of a key.
    pub fn new(folder: &str, billing_period: &str, customer_id: i64) -> Result<Self, Error> {
        check_folder(folder)?;
        let digits =
            |text: &str, count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
        let month =
            billing_period.split_once('-').filter(|(year, month)| digits(year, 4) && digits(month, 2));
        if !month.is_some_and(|(_, month)| ("01"..="12").contains(&month)) {
            return Err(Error::Invalid(format!("{billing_period:?} is no month such as 2026-10")));
        }
        if customer_id < 1 {
            return Err(Error::Invalid(format!("{customer_id} is no customer's id")));
        }
        Ok(BillPrefix { folder: folder.to_owned(), billing_period: billing_period.to_owned(), customer_id })
    }

    /// The month.
    pub fn billing_period(&self) -> &str {
        &self.billing_period
    }

    /// Whose bills they are.
    pub fn customer_id(&self) -> i64 {
        self.customer_id
    }

    /// `acme/2026-10/3947/v1/`, as reports show it.
    pub fn of_version(&self, version: u32) -> String {
        format!("{self}v{version}/")
    }
}

/// `acme/2026-10/3947/`
impl std::fmt::Display for BillPrefix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.folder.is_empty() {
            write!(f, "{}/", self.folder)?;
        }
        write!(f, "{}/{}/", self.billing_period, self.customer_id)
    }
}

/// A configured folder: the same rules as a customer's configuration has, and not the partner's own area.
pub(crate) fn check_folder(folder: &str) -> Result<(), Error> {
    check_segments("folder", folder)?;
    if folder.split('/').next() == Some(PRIVATE) {
        let text = format!(
            "folder {folder:?} begins with {PRIVATE}, which is the platform's own: choose another name"
        );
        return Err(Error::Invalid(text));
    }
    Ok(())
}

/// Segments with a slash between each two, or nothing at all.
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
