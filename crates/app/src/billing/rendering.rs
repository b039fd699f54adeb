//! The files of a bill in a folder, written again as what its statement becomes: final, or a reversal.

use bill_storage::Error;
use rating::{Heading, ParquetRows, Restatement};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Bytes of rows that are written at a time.
const CHUNK: usize = 256 << 10;

/// Columns of `bill.csv` and `bill.focus.csv` whose values a reversal negates: quantities and amounts, and no prices.
const NEGATED: [&str; 10] = [
    "Quantity",
    "BillableQuantity",
    "Charge",
    "BilledCost",
    "EffectiveCost",
    "ListCost",
    "ContractedCost",
    "PricingQuantity",
    "ConsumedQuantity",
    "CommitmentDiscountQuantity",
];

/// Renders the statement of a currency again, and its lines where they change: FOCUS rows get the statement's number, and a reversal
/// has all charges with the other sign.
///
/// # Errors
/// [`Error::Invalid`] where a file is not what it should be; [`Error::Unavailable`] of the disk.
pub(super) async fn render_again(
    folder: &Path,
    currency: &str,
    heading: &Heading<'_>,
    restatement: &Restatement<'_>,
) -> Result<(), Error> {
    let path = |name: &str, extension: &str| file_of(folder, name, currency, extension);
    let (json, html) = (path("statement", "json"), path("statement", "html"));
    let bytes = tokio::fs::read(&json).await.map_err(|error| unavailable(&json, &error))?;
    let rendered = rating::restated(&bytes, heading, restatement)
        .map_err(|error| Error::Invalid(format!("{}: {error}", name_of(&json))))?;
    for (path, bytes) in [(json, rendered.json), (html, rendered.html)] {
        tokio::fs::write(&path, bytes).await.map_err(|error| unavailable(&path, &error))?;
    }
    restate_datasets(folder, currency, restatement).await?;
    let (number, reverses) = match restatement {
        Restatement::Final { issue, .. } => (issue.number.to_owned(), false),
        Restatement::Reversal { issue, .. } => (issue.number.to_owned(), true),
    };
    let lines = reverses.then(|| path("bill", "csv"));
    for path in lines.into_iter().chain([path("bill.focus", "csv")]) {
        if !path.exists() {
            continue;
        }
        let (number, name) = (number.clone(), name_of(&path));
        let written = tokio::task::spawn_blocking(move || rewrite_lines(&path, &number, reverses)).await;
        written
            .map_err(|error| Error::Invalid(error.to_string()))?
            .map_err(|error| Error::Invalid(format!("{name}: {error}")))?;
    }
    Ok(())
}

/// Writes FOCUS's datasets about a statement again, where the bill has them.
async fn restate_datasets(folder: &Path, currency: &str, restatement: &Restatement<'_>) -> Result<(), Error> {
    type Restate = fn(&[u8], &Restatement<'_>) -> Result<Vec<u8>, String>;
    let detail = file_of(folder, "statement.invoice-detail", currency, "csv");
    let period = folder.join("statement.billing-period.csv");
    let restate: [(PathBuf, Restate); 2] =
        [(detail, rating::restated_invoice_detail), (period, rating::restated_billing_period)];
    for (path, restate) in restate {
        if !path.exists() {
            continue;
        }
        let bytes = tokio::fs::read(&path).await.map_err(|error| unavailable(&path, &error))?;
        let bytes = restate(&bytes, restatement)
            .map_err(|error| Error::Invalid(format!("{}: {error}", name_of(&path))))?;
        tokio::fs::write(&path, bytes).await.map_err(|error| unavailable(&path, &error))?;
    }
    Ok(())
}

/// A bill has files for each currency, if there are several.
fn file_of(folder: &Path, name: &str, currency: &str, extension: &str) -> PathBuf {
    let of_currency = folder.join(format!("{name}.{currency}.{extension}"));
    if of_currency.exists() { of_currency } else { folder.join(format!("{name}.{extension}")) }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn unavailable(path: &Path, error: &std::io::Error) -> Error {
    Error::Unavailable(format!("{}: {error}", path.display()))
}

/// Gives FOCUS rows the number of their statement, and where it `reverses` another, negates all charges and makes the rows
/// corrections. A Parquet file of the same rows is made again.
fn rewrite_lines(path: &Path, number: &str, reverses: bool) -> Result<(), String> {
    let said = |error: &dyn std::fmt::Display| error.to_string();
    let mut reader = csv::Reader::from_path(path).map_err(|error| said(&error))?;
    let headers = reader.byte_headers().map_err(|error| said(&error))?.clone();
    let column = |name: &str| headers.iter().position(|header| header == name.as_bytes());
    let negated: Vec<usize> = match reverses {
        true => NEGATED.iter().filter_map(|name| column(name)).collect(),
        false => Vec::new(),
    };
    let class = column("ChargeClass").filter(|_| reverses);
    let invoice = column("InvoiceId");
    let to = path.with_extension("rewritten");
    let mut file = std::fs::File::create(&to).map_err(|error| said(&error))?;
    let parquet = path.with_extension("parquet");
    let mut rows = match parquet.exists() {
        true => {
            std::fs::remove_file(&parquet).map_err(|error| said(&error))?;
            Some(ParquetRows::create(parquet).map_err(|error| said(&error))?)
        }
        false => None,
    };
    let mut writer = csv::Writer::from_writer(Vec::with_capacity(CHUNK));
    writer.write_byte_record(&headers).map_err(|error| said(&error))?;
    let head = writer.into_inner().map_err(|error| said(&error))?;
    file.write_all(&head).map_err(|error| said(&error))?;
    let mut record = csv::ByteRecord::new();
    let mut is_read = false;
    while !is_read {
        let mut writer = csv::Writer::from_writer(Vec::with_capacity(CHUNK));
        let mut bytes = 0;
        while bytes < CHUNK && !is_read {
            is_read = !reader.read_byte_record(&mut record).map_err(|error| said(&error))?;
            if is_read {
                break;
            }
            bytes += record.as_slice().len();
            for (i, cell) in record.iter().enumerate() {
                let field = match cell {
                    cell if negated.contains(&i) => writer.write_field(negative(cell)),
                    _ if class == Some(i) => writer.write_field("Correction"),
                    _ if invoice == Some(i) => writer.write_field(number),
                    cell => writer.write_field(cell),
                };
                field.map_err(|error| said(&error))?;
            }
            writer.write_record(None::<&[u8]>).map_err(|error| said(&error))?;
        }
        let chunk = writer.into_inner().map_err(|error| said(&error))?;
        file.write_all(&chunk).map_err(|error| said(&error))?;
        if let Some(rows) = rows.as_mut().filter(|_| !chunk.is_empty()) {
            rows.push(&chunk).map_err(|error| said(&error))?;
        }
    }
    if let Some(rows) = rows {
        rows.finish().map_err(|error| said(&error))?;
    }
    std::fs::rename(&to, path).map_err(|error| said(&error))
}

/// The digits of a number with the other sign; zero and what is empty as they are.
fn negative(digits: &[u8]) -> Vec<u8> {
    match digits.strip_prefix(b"-") {
        Some(positive) => positive.to_vec(),
        None if digits.iter().all(|digit| b"0.".contains(digit)) => digits.to_vec(),
        None => [b"-", digits].concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a file becomes.
    fn rewritten(text: &str, reverses: bool) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bill.csv");
        std::fs::write(&path, text).unwrap();
        rewrite_lines(&path, "CON-2026-0001", reverses).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no other file is left");
        std::fs::read_to_string(&path).unwrap()
    }

    #[test]
    fn a_reversal_negates_quantities_and_charges_and_nothing_else() {
        let text = "Name,Quantity,ChargeUnitPrice,Charge,ChargeClass\n\"a, b\",3,3.5,10.50,\nc,-1,2,-2,\nd,0,1,0,Correction\ne,1,0,0.00,\n";
        let expected = "Name,Quantity,ChargeUnitPrice,Charge,ChargeClass\n\"a, b\",-3,3.5,-10.50,Correction\nc,1,2,2,Correction\n\
             d,0,1,0,Correction\ne,-1,0,0.00,Correction\n";
        assert_eq!(rewritten(text, true), expected);
        assert_eq!(rewritten(text, false), text, "a final statement has the same lines");
    }

    #[test]
    fn rows_get_the_number_of_their_statement() {
        let rows = |number: &str| {
            let rows: String = (0..20_000).map(|i| format!("{i},{number},\"a \"\"b\"\", c\"\n")).collect();
            format!("BilledCost,InvoiceId,Tags\n{rows}")
        };
        assert_eq!(rewritten(&rows(""), false), rows("CON-2026-0001"));
        assert_eq!(rewritten("BilledCost,InvoiceId\n", false), "BilledCost,InvoiceId\n");
    }
}
