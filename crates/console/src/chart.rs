//! Bar charts of months, as SVG that the server makes. The table beside each says the same in words.

use crate::format;
use crate::i18n::Lang;

/// The number of months of a chart.
pub(crate) const MONTHS: usize = 12;

/// The width and height of the drawing, and the space around its bars, in the units of its `viewBox`.
const WIDTH: i64 = 960;
const HEIGHT: i64 = 200;
const TOP: i64 = 22;
const BOTTOM: i64 = 26;
/// The part of a month's width that its bar takes, in percent.
const BAR_PERCENT: i64 = 62;

/// A month's bar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bar {
    pub(crate) x: i64,
    pub(crate) y: i64,
    pub(crate) width: i64,
    pub(crate) height: i64,
    /// The middle of the bar, for the texts below and above it.
    pub(crate) middle: i64,
    /// The month below the bar.
    pub(crate) label: String,
    /// What a pointer over it shows: month and amount.
    pub(crate) title: String,
    pub(crate) is_estimate: bool,
}

/// A chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chart {
    pub(crate) bars: Vec<Bar>,
    /// The amount of the highest bar, and where its line is.
    pub(crate) highest: String,
    pub(crate) top: i64,
    pub(crate) base: i64,
    pub(crate) width: i64,
    pub(crate) height: i64,
    /// Where the months stand.
    pub(crate) labels: i64,
}

/// A month to draw.
pub(crate) struct Month {
    pub(crate) label: String,
    pub(crate) title: String,
    /// The amount in the currency's smallest coins; a negative one has no bar.
    pub(crate) amount: i128,
    /// The amount as it is shown.
    pub(crate) shown: String,
    pub(crate) is_estimate: bool,
}

/// The twelve months up to this one, such as `2026-10`. Of a month that there is something of, `amount` gives what it comes to in
/// the smallest coins, how that is shown, and whether it may still change.
pub(crate) fn year(
    lang: Lang,
    newest: &str,
    amount: impl Fn(&str) -> Option<(i128, String, bool)>,
) -> Option<Chart> {
    let mut period = newest.to_owned();
    let mut months = Vec::new();
    while months.len() < MONTHS {
        let name = format::month(lang, &period);
        let none = || (0, lang.text("value-none", None), false);
        let (amount, shown, is_estimate) = amount(&period).unwrap_or_else(none);
        let label = name.chars().take(3).collect();
        months.push(Month { label, title: format!("{name}: {shown}"), amount, shown, is_estimate });
        period = format::month_before(&period)?;
    }
    months.reverse();
    bars(&months)
}

/// The bars of these months; `None` if there is nothing to draw.
pub(crate) fn bars(months: &[Month]) -> Option<Chart> {
    let highest = months.iter().max_by_key(|month| month.amount).filter(|month| month.amount > 0)?;
    let slot = WIDTH / i64::try_from(months.len()).ok()?;
    let (base, space) = (HEIGHT - BOTTOM, HEIGHT - BOTTOM - TOP);
    let bar = |(at, month): (usize, &Month)| {
        let scaled = month.amount.max(0).saturating_mul(i128::from(space)) / highest.amount;
        // Also the smallest amount is seen.
        let height = i64::try_from(scaled).unwrap_or(space).max(i64::from(month.amount > 0));
        let width = slot * BAR_PERCENT / 100;
        let left = slot * i64::try_from(at).unwrap_or_default();
        Bar {
            x: left + (slot - width) / 2,
            y: base - height,
            width,
            height,
            middle: left + slot / 2,
            label: month.label.clone(),
            title: month.title.clone(),
            is_estimate: month.is_estimate,
        }
    };
    Some(Chart {
        bars: months.iter().enumerate().map(bar).collect(),
        highest: highest.shown.clone(),
        top: TOP,
        base,
        width: WIDTH,
        height: HEIGHT,
        labels: HEIGHT - 8,
    })
}

/// An amount such as `1234.50` in the smallest coins.
pub(crate) fn coins(amount: &str) -> i128 {
    amount.replacen('.', "", 1).parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_high_as_their_amounts() {
        let month = |amount: &str| Month {
            label: "Oct".into(),
            title: format!("October 2026: {amount}"),
            amount: coins(amount),
            shown: amount.to_owned(),
            is_estimate: false,
        };
        let months: Vec<Month> = ["100.00", "50.00", "0.00", "-3.00", "0.01"].map(month).into();
        let chart = bars(&months).unwrap();
        let heights: Vec<i64> = chart.bars.iter().map(|bar| bar.height).collect();
        assert_eq!(heights, [152, 76, 0, 0, 1]);
        assert_eq!((chart.highest.as_str(), chart.top, chart.base), ("100.00", 22, 174));
        assert!(chart.bars.iter().all(|bar| bar.y + bar.height == chart.base));
        assert!(chart.bars.windows(2).all(|pair| pair[0].x + pair[0].width < pair[1].x));
        assert_eq!(bars(&[month("-1.00"), month("0.00")]), None);
        assert_eq!(bars(&[]), None);
        let huge = bars(&[month("99999999999999999999.99"), month("1.00")]).unwrap();
        assert_eq!((huge.bars[0].height, huge.bars[1].height), (152, 1));
    }
}
