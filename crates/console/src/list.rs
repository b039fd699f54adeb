//! Pages of lists: where in the list a page is, and the links to the others.

use crate::failure::Failure;
use crate::form::{Fields, query_string};
use crate::format::number;
use crate::i18n::Lang;

/// The links below a list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pager {
    /// Such as "31–60 of 1,204".
    pub(crate) range: String,
    pub(crate) previous: Option<String>,
    pub(crate) next: Option<String>,
    /// The last page, if this one is behind it.
    pub(crate) behind: Option<String>,
}

impl Pager {
    /// The pager of page `page`, which shows `shown` of `total` entries. The links keep the query's other parameters.
    pub(crate) fn new(
        lang: Lang,
        path: &str,
        query: &Fields,
        page: i64,
        per_page: i64,
        shown: i64,
        total: i64,
    ) -> Self {
        let first = (page - 1) * per_page + 1;
        Pager::with_range("list-range", lang, path, query, page, per_page, [first, shown, total])
    }

    /// This pager, unless the list has ended before its page: then the reader is led to the last one.
    pub(crate) fn within_list(self) -> Result<Self, Failure> {
        match self.behind {
            Some(last) => Err(Failure::Elsewhere(last)),
            None => Ok(self),
        }
    }

    /// The pager of page `page`, which shows `shown` of `total` entries from the `first` on.
    pub(crate) fn from(
        lang: Lang,
        path: &str,
        query: &Fields,
        [page, per_page]: [i64; 2],
        first: i64,
        shown: i64,
        total: i64,
    ) -> Self {
        Pager::with_range("list-range", lang, path, query, page, per_page, [first, shown, total])
    }

    /// The pager like [`Pager::new`] of a list whose length is an estimate.
    pub(crate) fn about(
        lang: Lang,
        path: &str,
        query: &Fields,
        page: i64,
        per_page: i64,
        shown: i64,
        total: i64,
    ) -> Self {
        let first = (page - 1) * per_page + 1;
        Pager::with_range("list-range-about", lang, path, query, page, per_page, [first, shown, total])
    }

    fn with_range(
        message: &str,
        lang: Lang,
        path: &str,
        query: &Fields,
        page: i64,
        per_page: i64,
        [first, shown, total]: [i64; 3],
    ) -> Self {
        let link = |page: i64| {
            let page = page.to_string();
            let others = query.iter().filter(|(name, _)| !["page", "done"].contains(name));
            let page = (page != "1").then_some(("page", page.as_str()));
            format!("{path}{}", query_string(others.chain(page)))
        };
        let [from, to, all] = [first, first + shown - 1, total].map(|n| number(lang, n));
        let values = [("from", from.as_str()), ("to", to.as_str()), ("total", all.as_str())];
        Pager {
            range: if shown > 0 { lang.text_with(message, &values) } else { String::new() },
            previous: (page > 1).then(|| link(page - 1)),
            next: (first + shown - 1 < total && shown > 0).then(|| link(page + 1)),
            behind: (shown == 0 && page > 1 && total > 0).then(|| link((total - 1) / per_page + 1)),
        }
    }
}

/// The number of the page that is asked for. What is no number counts as the first page, and is no larger than any list has.
pub(crate) fn page_number(fields: &Fields) -> i64 {
    fields.get("page").parse::<i64>().unwrap_or(1).clamp(1, i64::from(u32::MAX))
}

/// An option of a filter.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(crate) value: &'static str,
    pub(crate) label: String,
    pub(crate) is_chosen: bool,
}

/// The options of a filter: values with the ids of their labels.
pub(crate) fn choices(lang: Lang, chosen: &str, options: &[(&'static str, &str)]) -> Vec<Choice> {
    let choice = |(value, label): &(&'static str, &str)| Choice {
        value,
        label: lang.text(label, None),
        is_chosen: *value == chosen,
    };
    options.iter().map(choice).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_keep_the_filters() {
        let query = Fields::decode(b"q=a+b&page=2&done=created&sort=name").unwrap();
        let pager = |page, shown| Pager::new(Lang::En, "/console/customers", &query, page, 30, shown, 75);
        let second = pager(2, 30);
        assert_eq!(second.range, "31\u{2013}60 of 75");
        assert_eq!(second.previous.as_deref(), Some("/console/customers?q=a+b&sort=name"));
        assert_eq!(second.next.as_deref(), Some("/console/customers?q=a+b&sort=name&page=3"));
        let last = pager(3, 15);
        assert_eq!((last.range.as_str(), last.next), ("61\u{2013}75 of 75", None));
        let beyond = pager(9, 0);
        assert_eq!((beyond.range.as_str(), &beyond.next), ("", &None));
        let last = beyond.within_list().unwrap_err();
        assert!(
            matches!(&last, Failure::Elsewhere(path) if path == "/console/customers?q=a+b&sort=name&page=3"),
            "{last:?}"
        );
        assert!(pager(1, 0).within_list().is_ok());
        assert_eq!(pager(1, 30).previous, None);
    }
}
