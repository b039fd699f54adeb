//! Files that are no line items: named for what they are, so that a person knows which file to take instead.

use crate::wording::{Message, Value, Wording};
use std::collections::BTreeMap;

/// What is wanted instead.
pub(crate) const WANTED: &str = "Wanted is Microsoft's reconciliation or daily rated usage as CSV, plain, .gz or .zip, or the folder \
                                 of a Graph export with its manifest";

/// What a file is that is no file of line items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Foreign {
    /// In English: `is a price sheet`.
    what: String,
    /// The id of that in other languages.
    id: &'static str,
    values: BTreeMap<String, Value>,
}

impl Foreign {
    fn of(what: &str, id: &'static str) -> Self {
        Foreign { what: what.to_owned(), id, values: BTreeMap::new() }
    }

    /// Why it is not billed, and what is wanted instead.
    pub(crate) fn refused(self) -> Message {
        let Foreign { what, id, values } = self;
        Message::worded(format!("{what}. {WANTED}"), Wording { id: id.to_owned(), values })
    }
}

/// What a file is by its first bytes, where it is neither text nor an archive that can be read.
pub(crate) fn by_first_bytes(bytes: &[u8]) -> Option<Foreign> {
    const HTML: &str = "is an HTML page, such as a sign-in page that was saved in place of the file";
    const KNOWN: [(&[u8], &str, &str); 12] = [
        (b"7z\xbc\xaf\x27\x1c", "is a 7-Zip archive", "report-is-7-zip"),
        (b"Rar!\x1a\x07", "is a RAR archive", "report-is-rar"),
        (b"\xfd7zXZ\0", "is packed with xz", "report-is-xz"),
        (b"BZh", "is packed with bzip2", "report-is-bzip2"),
        (b"\x28\xb5\x2f\xfd", "is packed with Zstandard", "report-is-zstandard"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
            "is a workbook or document of Microsoft Office",
            "report-is-office",
        ),
        (b"PAR1", "is a Parquet file", "report-is-parquet"),
        (b"%PDF-", "is a PDF document, such as the invoice itself", "report-is-pdf"),
        (b"SQLite format 3\0", "is an SQLite database", "report-is-sqlite"),
        (b"<!DOCTYPE", HTML, "report-is-html"),
        (b"<html", HTML, "report-is-html"),
        (b"<?xml", "is an XML file", "report-is-xml"),
    ];
    let known = KNOWN.into_iter().find(|(magic, ..)| bytes.starts_with(magic));
    known.map(|(_, what, id)| Foreign::of(what, id))
}

/// What an archive is by the names of its entries, where it is no archive of line items.
pub(crate) fn by_entries<'a>(mut names: impl Iterator<Item = &'a str>) -> Option<Foreign> {
    let known = |name: &str| match name {
        _ if name.starts_with("xl/") => Some(("is an Excel workbook", "report-is-excel")),
        _ if name.starts_with("word/") => Some(("is a Word document", "report-is-word")),
        "content.xml" => {
            Some(("is an OpenDocument file, such as one of LibreOffice", "report-is-open-document"))
        }
        _ => None,
    };
    names.find_map(known).map(|(what, id)| Foreign::of(what, id))
}

/// How column names are compared: the letters and digits, in lower case.
pub(crate) fn folded(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// What a file is by its column names, where it is no file of line items.
pub(crate) fn by_columns(names: &[String]) -> Option<Foreign> {
    if let [one] = names
        && let Some((separator, word)) = [(';', "semicolons"), ('\t', "tabs"), ('|', "bars")]
            .into_iter()
            .find(|(separator, _)| one.matches(*separator).count() >= 2)
    {
        let inner: Vec<String> =
            one.split(separator).map(|name| name.trim_matches(['"', ' ']).to_owned()).collect();
        let inner = by_columns(&inner);
        let more = inner.as_ref().map_or(String::new(), |inner| format!(", and {}", inner.what));
        let columns = if inner.is_some_and(|inner| inner.id == GERMAN) { "german" } else { "other" };
        let what = format!("separates its cells with {word}, where CSV has commas{more}");
        let values: [(&str, Value); 2] = [("separator", word.into()), ("columns", columns.into())];
        let values = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        return Some(Foreign { what, id: "report-separated-otherwise", values });
    }
    let names: Vec<String> = names.iter().map(|name| name.trim().to_lowercase()).collect();
    let has = |wanted: &str| names.iter().any(|name| folded(name) == wanted);
    let all = |wanted: &[&str]| wanted.iter().all(|wanted| has(wanted));
    // In the order in which one may look like another.
    let (what, id) = match () {
        () if has("pricebenefits") || has("partnerprice") => (
            "is Microsoft's usage-aggregated reconciliation, which repeats lines of the reconciliation to explain their prices",
            "report-is-aggregated",
        ),
        () if all(&["billedcost", "chargeperiodstart"]) => {
            ("is a FOCUS file, such as those that this server makes of bills", "report-is-focus")
        }
        () if all(&["line", "pricedfrom"]) => ("is a ledger that this server has made", "report-is-ledger"),
        () if all(&["charge", "chargecurrency"]) => ("is a bill that this server has made", "report-is-bill"),
        () if has("erpprice") => ("is a price sheet", "report-is-price-sheet"),
        () if has("costinbillingcurrency")
            || has("costinusd")
            || all(&["pretaxcost", "subscriptionguid"]) =>
        {
            ("is an export of Azure Cost Management", "report-is-cost-management")
        }
        () if all(&["items"]) || has("totalcount") => {
            ("is an answer of Partner Center's API with its lines in one array", "report-is-api-answer")
        }
        () if has("blobs") => {
            ("is the manifest of a Graph export, whose folder is to be given", "report-is-manifest")
        }
        () if names.iter().any(|name| is_german(name)) => (
            "has its columns in German, where Microsoft's files have them in English in every language",
            GERMAN,
        ),
        () => return None,
    };
    Some(Foreign::of(what, id))
}

/// The id of what is said of a file with German columns.
const GERMAN: &str = "report-columns-in-german";

fn is_german(name: &str) -> bool {
    const WORDS: [&str; 9] = [
        "rechnung",
        "kunde",
        "menge",
        "währung",
        "waehrung",
        "betrag",
        "stückpreis",
        "einzelpreis",
        "zwischensumme",
    ];
    WORDS.iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_for_what_they_are() {
        for (columns, what) in [
            ("PartnerId;CustomerId;Subtotal", "separates its cells with semicolons"),
            (
                "\"Kundennummer\";\"Menge\";\"Betrag\"",
                "separates its cells with semicolons, where CSV has commas, and has its",
            ),
            ("PartnerId\tCustomerId\tSubtotal", "separates its cells with tabs"),
            ("Rechnungsnummer,KundenId,Währung", "has its columns in German"),
            ("BilledCost,BillingAccountId,ChargePeriodStart", "is a FOCUS file"),
            ("CustomerId,ProductName,Charge,ChargeCurrency", "is a bill that this server has made"),
            ("Line,Cost,CostCurrency,Charge,PricedFrom", "is a ledger that this server has made"),
            (
                "InvoiceSectionName,costInBillingCurrency,meterCategory",
                "is an export of Azure Cost Management",
            ),
            ("ProductId,SkuId,ERP Price", "is a price sheet"),
            ("CustomerId,UnitPrice,PartnerPrice,Subtotal", "is Microsoft's usage-aggregated reconciliation"),
            ("totalCount,items,links", "is an answer of Partner Center's API"),
            ("id,dataFormat,blobs", "is the manifest of a Graph export"),
            ("Name,Age", ""),
            ("CustomerId,Subtotal,Currency", ""),
        ] {
            let names: Vec<String> = match columns.contains(',') {
                true => columns.split(',').map(str::to_owned).collect(),
                false => vec![columns.to_owned()],
            };
            let found = by_columns(&names).map_or(String::new(), |found| found.what);
            assert!(found.starts_with(what) && found.is_empty() == what.is_empty(), "{columns}: {found}");
        }
    }
}
