//! Numbers, money and times as the reader's language writes them.

use crate::i18n::Lang;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

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

/// How long something took, in its two largest units: `1 h 5 min`.
pub(crate) fn duration(lang: Lang, duration: SignedDuration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    match (hours, minutes, seconds % 60) {
        (..1, ..1, ..1) => lang.text("duration-short", None),
        (0, 0, seconds) => format!("{seconds}\u{a0}s"),
        (0, minutes, 0) => format!("{minutes}\u{a0}min"),
        (0, minutes, seconds) => format!("{minutes}\u{a0}min {seconds}\u{a0}s"),
        (hours, 0, _) => format!("{}\u{a0}h", number(lang, hours)),
        (hours, minutes, _) => format!("{}\u{a0}h {minutes}\u{a0}min", number(lang, hours)),
    }
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
    fn durations_have_two_units() {
        for (seconds, shown) in [
            (-1, "less than a second"),
            (0, "less than a second"),
            (59, "59\u{a0}s"),
            (60, "1\u{a0}min"),
            (61, "1\u{a0}min 1\u{a0}s"),
            (3_600, "1\u{a0}h"),
            (5_025, "1\u{a0}h 23\u{a0}min"),
            (3_600_000, "1,000\u{a0}h"),
        ] {
            assert_eq!(duration(Lang::En, SignedDuration::from_secs(seconds)), shown);
        }
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
