//! A month beside the month before: what customers were charged, and how that has changed.

use crate::cx::Cx;
use crate::failure::Failure;
use crate::format;
use crate::i18n::Lang;
use app::billing::{Amount, Currency, MonthCharge, RunView};

/// What customers were charged for the month before, if there are bills of both months.
pub(crate) async fn previous(cx: &Cx, run: &RunView) -> Result<Option<Vec<MonthCharge>>, Failure> {
    let Some(period) = format::month_before(&run.billing_period) else { return Ok(None) };
    if run.customers.as_ref().is_none_or(Vec::is_empty) {
        return Ok(None);
    }
    let charges = cx.app.charges_of_month(cx.call(), &period).await?;
    Ok(Some(charges).filter(|charges| !charges.is_empty()))
}

/// Whether a charge has changed by more than a fifth.
pub(crate) fn is_large(was: Amount, is: Amount) -> bool {
    let change = (is - was).abs();
    change + change + change + change + change > was.abs()
}

/// An amount, rounded to the smallest coin of its currency.
pub(crate) fn money(lang: Lang, amount: Amount, currency: Currency) -> String {
    let places = currency.minor_unit();
    format::money(lang, &amount.rounded(places).to_string(), places.into(), currency.code())
}

/// A difference, likewise, with its sign.
pub(crate) fn signed(lang: Lang, difference: Amount, currency: Currency) -> String {
    let sign = if difference.rounded(currency.minor_unit()) > Amount::ZERO { "+" } else { "" };
    format!("{sign}{}", money(lang, difference, currency))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_of_more_than_a_fifth_are_large() {
        for (was, is, expected) in [
            ("100", "120", false),
            ("100", "120.01", true),
            ("100", "80", false),
            ("100", "79.99", true),
            ("0", "0", false),
            ("0", "0.01", true),
            ("-100", "-130", true),
        ] {
            assert_eq!(is_large(was.parse().unwrap(), is.parse().unwrap()), expected, "{was} {is}");
        }
    }
}
