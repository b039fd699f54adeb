//! Numbers, money and times as the reader's language writes them.

use crate::i18n::Lang;
use jiff::Timestamp;
use jiff::civil::Date;

/// A time for `<time>`: `datetime` for machines, and the text in UTC. The script shows it in the reader's zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Time {
    pub(crate) iso: String,
    pub(crate) text: String,
}

/// A time in UTC, to the minute.
pub(crate) fn time(lang: Lang, at: Timestamp) -> Time {
    let format = match lang {
        Lang::En => "%-d %b %Y, %H:%M UTC",
        Lang::De => "%d.%m.%Y, %H:%M UTC",
    };
    Time { iso: format!("{at:.0}"), text: at.strftime(format).to_string() }
}

/// A day in UTC.
pub(crate) fn day(lang: Lang, at: Timestamp) -> Time {
    Time { iso: at.strftime("%Y-%m-%d").to_string(), text: at.strftime(day_format(lang)).to_string() }
}

/// A day of the calendar.
pub(crate) fn date(lang: Lang, day: Date) -> String {
    day.strftime(day_format(lang)).to_string()
}

fn day_format(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "%-d %b %Y",
        Lang::De => "%d.%m.%Y",
    }
}

fn separators(lang: Lang) -> (char, char) {
    match lang {
        Lang::En => (',', '.'),
        Lang::De => ('.', ','),
    }
}

/// A whole number with its groups.
pub(crate) fn number(lang: Lang, number: i64) -> String {
    decimal(lang, &number.to_string())
}

/// A decimal such as `-1234.5`, with groups and the language's decimal point; a text that is none stays as it is.
pub(crate) fn decimal(lang: Lang, text: &str) -> String {
    let (group, point) = separators(lang);
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("\u{2212}", digits),
        None => ("", text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
        return text.to_owned();
    }
    let mut shown = String::from(sign);
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            shown.push(group);
        }
        shown.push(digit);
    }
    if !fraction.is_empty() {
        shown.push(point);
        shown.push_str(fraction);
    }
    shown
}

/// A sum of money in this currency, with at least `places` decimal places: `1,234.50 USD`.
pub(crate) fn money(lang: Lang, amount: &str, places: usize, currency: &str) -> String {
    let missing = match amount.split_once('.') {
        Some((_, fraction)) => places.saturating_sub(fraction.len()),
        None => places,
    };
    let point = if missing > 0 && !amount.contains('.') { "." } else { "" };
    let padded = format!("{amount}{point}{}", "0".repeat(missing));
    format!("{}\u{a0}{currency}", decimal(lang, &padded))
}

/// A month such as `2026-10` in words; a text that is none stays as it is.
pub(crate) fn month(lang: Lang, period: &str) -> String {
    let number = period.split_once('-').and_then(|(year, month)| Some((year, month.parse::<usize>().ok()?)));
    match number {
        Some((year, month @ 1..=12)) => format!("{} {year}", lang.text(&format!("month-{month}"), None)),
        _ => period.to_owned(),
    }
}

/// The month before one such as `2026-01`.
pub(crate) fn month_before(period: &str) -> Option<String> {
    let (year, month) = period.split_once('-')?;
    let (year, month): (i32, u32) = (year.parse().ok()?, month.parse().ok()?);
    let (year, month) = if month == 1 { (year - 1, 12) } else { (year, month.checked_sub(1)?) };
    Some(format!("{year:04}-{month:02}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_separators_of_the_language() {
        for (text, english, german) in [
            ("0", "0", "0"),
            ("999", "999", "999"),
            ("1000", "1,000", "1.000"),
            ("1234567.89", "1,234,567.89", "1.234.567,89"),
            ("-1234.5", "\u{2212}1,234.5", "\u{2212}1.234,5"),
            ("12a", "12a", "12a"),
            ("", "", ""),
            ("-", "-", "-"),
        ] {
            assert_eq!(decimal(Lang::En, text), english);
            assert_eq!(decimal(Lang::De, text), german);
        }
        assert_eq!(number(Lang::En, 1_000_000), "1,000,000");
        for (amount, places, expected) in [
            ("1234.5", 2, "1,234.50\u{a0}USD"),
            ("1234", 2, "1,234.00\u{a0}USD"),
            ("1234", 0, "1,234\u{a0}USD"),
            ("0.12345", 2, "0.12345\u{a0}USD"),
        ] {
            assert_eq!(money(Lang::En, amount, places, "USD"), expected);
        }
        assert_eq!(month(Lang::De, "2026-10"), "Oktober 2026");
        assert_eq!(month(Lang::En, "2026-13"), "2026-13");
    }

    #[test]
    fn times_say_that_they_are_utc() {
        let at: Timestamp = "2016-09-05T08:17:04Z".parse().unwrap();
        assert_eq!(time(Lang::En, at).text, "5 Sep 2016, 08:17 UTC");
        assert_eq!(time(Lang::De, at).text, "05.09.2016, 08:17 UTC");
        assert_eq!(time(Lang::De, at).iso, "2016-09-05T08:17:04Z");
        assert_eq!(date(Lang::De, "2016-09-05".parse().unwrap()), "05.09.2016");
        assert_eq!(day(Lang::En, at), Time { iso: "2016-09-05".into(), text: "5 Sep 2016".into() });
    }

    #[test]
    fn the_month_before_is_in_the_year_before_in_january() {
        for (period, expected) in [
            ("2026-10", Some("2026-09")),
            ("2026-01", Some("2025-12")),
            ("2026-00", None),
            ("nonsense", None),
        ] {
            let expected = expected.map(str::to_owned);
            assert_eq!(month_before(period).filter(|month| !month.ends_with("-00")), expected, "{period}");
        }
    }
}
