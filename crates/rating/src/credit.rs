//! The partner earned credit of a line: what Microsoft leaves a partner for managing Azure, as a share of the price before it.
//!
//! Daily rated usage has it in a column of its own; a reconciliation names it in the text that says what adjusts a price, such
//! as `["15.0% Partner earned credit for services managed"]`. Sources: learn.microsoft.com/partner-center, "Read daily rated usage
//! reconciliation files", "Read the invoice reconciliation file" and "Partner earned credit".

use crate::amount::{Decimal, power};
use crate::columns::{Kind, Role};
use crate::line::Line;
use crate::scale::scaled;

/// What a file says of the earned credit of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Credit {
    /// A fraction of the price before it; 0 where there is none.
    Known(Decimal),
    /// Likewise; the line's list price is the price before it.
    OfList(Decimal),
    /// Likewise, but list price less credit is not the line's cost.
    Disputed(Decimal),
    /// The file does not say, and the line may have some.
    Unknown,
}

impl Credit {
    pub(crate) const NONE: Credit = Credit::Known(Decimal { mantissa: 0, places: 0 });
}

/// The earned credit of a line. `earned`: what its own column says; `list`: the factors of its price before adjustments;
/// `at_its_price`: whether a unit costs what its price says, so that nothing was credited.
pub(crate) fn of(
    line: &Line<'_>,
    earned: Option<Decimal>,
    cost: Decimal,
    list: Option<[Decimal; 3]>,
    at_its_price: bool,
) -> Credit {
    if let Some(earned) = earned {
        return Credit::Known(earned);
    }
    let unknown = if at_its_price || cost.mantissa == 0 { Credit::NONE } else { Credit::Unknown };
    match line.layout.kind {
        Kind::Usage => unknown,
        Kind::Reconciliation => match named(line.get(Role::PriceAdjustment)) {
            Named::Share(share) => match list {
                None => Credit::Known(share),
                Some(list) if explains(share, list, cost) => Credit::OfList(share),
                Some(_) => Credit::Disputed(share),
            },
            Named::WithoutShare => Credit::Unknown,
            Named::Nothing if !line.layout.has_adjustments && is_usage(line) => unknown,
            Named::Nothing => Credit::NONE,
        },
    }
}

/// Whether a line of a reconciliation is usage of an Azure plan.
fn is_usage(line: &Line<'_>) -> bool {
    !line.get(Role::MeterDescription).is_empty()
        || line.get(Role::SubscriptionName).eq_ignore_ascii_case(b"Azure plan")
}

/// What a price adjustment says of earned credit.
#[derive(Debug, PartialEq, Eq)]
enum Named {
    Share(Decimal),
    /// It is named, but no percentage stands beside it.
    WithoutShare,
    Nothing,
}

/// Reads the text of price adjustments: a list of sentences in quotes, each with its percentage.
fn named(text: &[u8]) -> Named {
    if text.is_empty() {
        return Named::Nothing;
    }
    let text = String::from_utf8_lossy(text).to_ascii_lowercase();
    let sentences = text.split(['"', '[', ']', ';', '|']);
    let mut found = Named::Nothing;
    for sentence in sentences.filter(|sentence| sentence.contains("earned credit")) {
        let number = sentence.split_once('%').map(|(before, _)| {
            let digits = before.trim_end();
            let begin =
                digits.rfind(|c: char| !c.is_ascii_digit() && c != '.' && c != ',').map_or(0, |at| at + 1);
            digits[begin..].replace(',', ".")
        });
        let share = number.and_then(|number| Decimal::parse(number.as_bytes()).ok());
        match share.filter(|share| share.places < 20 && share.mantissa <= 100 * power(share.places)) {
            Some(Decimal { mantissa, places }) => {
                return Named::Share(Decimal { mantissa, places: places + 2 });
            }
            None => found = Named::WithoutShare,
        }
    }
    found
}

/// Whether list price less credit is the cost. Microsoft cuts the price in pricing currency to cents, and again in billing
/// currency: so much it may be off.
fn explains(share: Decimal, list: [Decimal; 3], cost: Decimal) -> bool {
    let one = power(share.places);
    let (Ok(one), Ok(left)) = (u64::try_from(one), u64::try_from(one - share.mantissa)) else { return false };
    let cent = Decimal { mantissa: 1, places: 2 };
    let product = scaled(&list, (left, one));
    let (cost, tolerance) = (scaled(&[cost], (1, 1)), scaled(&[cent, list[2]], (1, 1)));
    match (product, cost, tolerance) {
        (Some(product), Some(cost), Some(tolerance)) => (product - cost).abs() <= tolerance + power(8),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn earned_credit_is_read_from_price_adjustments() {
        let share = |percent: &str| {
            let Decimal { mantissa, places } = Decimal::parse(percent.as_bytes()).unwrap();
            Named::Share(Decimal { mantissa, places: places + 2 })
        };
        for (text, expected) in [
            ("", Named::Nothing),
            ("[]", Named::Nothing),
            ("[\"\"15.0% Partner earned credit for services managed\"\"]", share("15.0")),
            ("[\"\"10% promotion\"\",\"\"7.5 % Partner Earned Credit\"\"]", share("7.5")),
            ("Partner earned credit of 15%", share("15")),
            ("15,5% partner earned credit", share("15.5")),
            ("[\"\"10% promotion\"\"]", Named::Nothing),
            ("Partner earned credit", Named::WithoutShare),
            ("150% partner earned credit", Named::WithoutShare),
        ] {
            assert_eq!(named(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn the_list_price_less_credit_is_the_cost_to_the_cent() {
        let decimal = |text: &str| Decimal::parse(text.as_bytes()).unwrap();
        for (share, list, cost, expected) in [
            ("0.15", ["100", "1", "1"], "85", true),
            ("0.15", ["0.045", "1", "1"], "0.03", true),
            ("0.15", ["100", "-1", "1"], "-85", true),
            ("0.15", ["100", "1", "150"], "12750", true),
            ("0.15", ["100", "1", "150"], "12748.5", true),
            ("0.15", ["100", "1", "1"], "85.02", true),
            ("0.15", ["100", "1", "1"], "85.03", false),
            ("0.15", ["100", "1", "1"], "76.5", false),
            ("1", ["100", "1", "1"], "0", true),
        ] {
            let (share, list, cost) = (decimal(share), list.map(decimal), decimal(cost));
            assert_eq!(explains(share, list, cost), expected, "{share:?} {list:?} {cost:?}");
        }
    }
}
