//! Which column of a CSV file is which field.

use serde_json::{Value, json};

/// What a column holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Column {
    /// A field of the payload, by its path.
    Field(&'static str),
    /// The value of the tag with this key.
    Tag(String),
    /// The customer's id.
    Id,
    /// The customer's id for use outside of the partner.
    ExternalId,
    /// What became of the row in an import before.
    Result,
    /// Read-only, or to be ignored.
    Ignored,
}

/// A header, and what it means.
#[derive(Debug)]
pub(super) struct Columns {
    pub(super) titles: Vec<String>,
    pub(super) columns: Vec<Column>,
}

/// Names of columns: as `export` writes them, and shorter.
const NAMES: [(&str, Column); 30] = [
    ("name", Column::Field("name")),
    ("azure_customer_id", Column::Field("azure_customer_id")),
    ("address.street1", Column::Field("address.street1")),
    ("address.street2", Column::Field("address.street2")),
    ("address.city", Column::Field("address.city")),
    ("address.state", Column::Field("address.state")),
    ("address.zipcode", Column::Field("address.zipcode")),
    ("address.country", Column::Field("address.country")),
    ("street1", Column::Field("address.street1")),
    ("street2", Column::Field("address.street2")),
    ("city", Column::Field("address.city")),
    ("state", Column::Field("address.state")),
    ("zipcode", Column::Field("address.zipcode")),
    ("country", Column::Field("address.country")),
    ("classification", Column::Field("classification")),
    ("trial_expiration_date", Column::Field("trial_expiration_date")),
    ("billing_contact", Column::Field("billing_contact")),
    ("margin_percentage", Column::Field("margin_percentage")),
    ("partner_billing_configuration.enabled", Column::Field("partner_billing_configuration.enabled")),
    ("partner_billing_configuration.folder", Column::Field("partner_billing_configuration.folder")),
    ("billing_enabled", Column::Field("partner_billing_configuration.enabled")),
    ("billing_folder", Column::Field("partner_billing_configuration.folder")),
    ("tags", Column::Field("tags")),
    ("id", Column::Id),
    ("generated_external_id", Column::ExternalId),
    ("external_id", Column::ExternalId),
    ("result", Column::Result),
    ("error", Column::Ignored),
    ("created_at", Column::Ignored),
    ("updated_at", Column::Ignored),
];

/// What other programs call the fields; named in suggestions, and never taken without being asked.
const SYNONYMS: [(&str, &str); 23] = [
    ("company", "name"),
    ("company_name", "name"),
    ("customer", "name"),
    ("customer_name", "name"),
    ("display_name", "name"),
    ("tenant", "azure_customer_id"),
    ("tenant_id", "azure_customer_id"),
    ("azure_tenant_id", "azure_customer_id"),
    ("address", "street1"),
    ("street", "street1"),
    ("address_line_1", "street1"),
    ("address_line_2", "street2"),
    ("town", "city"),
    ("province", "state"),
    ("region", "state"),
    ("zip", "zipcode"),
    ("zip_code", "zipcode"),
    ("postcode", "zipcode"),
    ("postal_code", "zipcode"),
    ("email", "billing_contact"),
    ("margin", "margin_percentage"),
    ("trial", "trial_expiration_date"),
    ("folder", "billing_folder"),
];

/// A title as names are compared: `Billing Contact` is `billing_contact`.
fn plain(title: &str) -> String {
    title.trim().to_lowercase().replace([' ', '-'], "_")
}

fn known(name: &str) -> Option<Column> {
    let name = plain(name);
    if let Some(key) = name.strip_prefix("tag:") {
        return (!key.is_empty()).then(|| Column::Tag(key.to_owned()));
    }
    NAMES.iter().find(|(known, _)| *known == name).map(|(_, column)| column.clone())
}

fn suggestion(title: &str) -> Option<&'static str> {
    let title = plain(title);
    let synonym = SYNONYMS.iter().find(|(other, _)| *other == title).map(|(_, name)| *name);
    synonym.or_else(|| domain::near::near(&title, NAMES.iter().map(|(name, _)| *name)))
}

impl Columns {
    /// Maps the titles of a header. `map` has pairs of a title and a field's name, `ignored` has titles.
    ///
    /// # Errors
    /// Every title that means nothing, or the same as another, with its column.
    pub(super) fn of(
        titles: Vec<String>,
        map: &[(String, String)],
        ignored: &[String],
    ) -> Result<Self, Vec<String>> {
        let (mut columns, mut wrong) = (Vec::new(), Vec::new());
        for (title, name) in map {
            if !titles.contains(title) {
                wrong.push(format!("--map: there is no column {title:?}"));
            }
            if known(name).is_none() {
                let near = suggestion(name).map_or(String::new(), |near| format!("; did you mean {near}?"));
                wrong.push(format!("--map: there is no field {name:?}{near}"));
            }
        }
        wrong.extend(
            ignored
                .iter()
                .filter(|title| !titles.contains(title))
                .map(|title| format!("--ignore: there is no column {title:?}")),
        );
        for (i, title) in titles.iter().enumerate() {
            let place = format!("column {} ({title})", i + 1);
            let mapped = map.iter().find(|(from, _)| from == title).map(|(_, name)| name.as_str());
            let column = match ignored.contains(title) {
                true => Some(Column::Ignored),
                false => known(mapped.unwrap_or(title)).map(|column| match column {
                    // The tag's key as it is written.
                    Column::Tag(_) => {
                        Column::Tag(mapped.unwrap_or(title).trim()["tag:".len()..].trim().to_owned())
                    }
                    column => column,
                }),
            };
            let column = column.unwrap_or_else(|| {
                if mapped.is_none() {
                    let near = suggestion(title);
                    let field = near.unwrap_or("FIELD");
                    let near = near.map_or(String::new(), |near| format!("did you mean {near}? "));
                    wrong.push(format!(
                        "{place}: no field is called so; {near}Rename it, or repeat with --map '{title}={field}' or --ignore '{title}'"
                    ));
                }
                Column::Ignored
            });
            if let Some(other) =
                columns.iter().position(|other| *other == column).filter(|_| column != Column::Ignored)
            {
                wrong.push(format!("{place}: column {} ({}) is the same field", other + 1, titles[other]));
            }
            columns.push(column);
        }
        let is_there = |column: &Column| columns.contains(column);
        if wrong.is_empty() && ![Column::Field("name"), Column::Id, Column::ExternalId].iter().any(is_there) {
            wrong.push(
                "there is no column name, id or generated_external_id, so no row says whom it is about"
                    .to_owned(),
            );
        }
        if wrong.is_empty() { Ok(Columns { titles, columns }) } else { Err(wrong) }
    }

    /// The column that a violation's JSON pointer is about.
    pub(super) fn of_pointer(&self, pointer: &str) -> Option<usize> {
        let path = pointer.trim_start_matches('/').replace('/', ".");
        self.columns.iter().position(|column| match column {
            Column::Field(field) => {
                path == *field || path.strip_prefix(field).is_some_and(|rest| rest.starts_with('.'))
            }
            _ => false,
        })
    }
}

/// Tags as `export` writes them: `key=value; key`, or JSON.
pub(super) fn tags(cell: &str) -> Result<Value, String> {
    let cell = cell.trim();
    if cell.starts_with('[') {
        return serde_json::from_str(cell).map_err(|_| {
            r#"must be like region=emea; vip, or a JSON list like [{"key": "region", "value": "emea"}]"#
                .to_owned()
        });
    }
    let parts = cell.split(';').map(str::trim).filter(|part| !part.is_empty());
    Ok(parts.map(super::super::tag).collect::<Vec<_>>().into())
}

/// A cell of a field as the API takes it.
pub(super) fn value(field: &str, cell: &str) -> Result<Value, String> {
    match field {
        "tags" => tags(cell),
        // The number as it is written, to its last digit.
        "margin_percentage" => match serde_json::from_str(cell.trim()) {
            Ok(number @ Value::Number(_)) => Ok(number),
            _ => Err(format!("must be a number such as 12.5, not {:?}", shortened(cell))),
        },
        _ => Ok(json!(cell)),
    }
}

/// As much of a text as a message shows.
pub(super) fn shortened(text: &str) -> String {
    if text.chars().count() <= 40 { text.to_owned() } else { text.chars().take(40).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(titles: &str, map: &[(&str, &str)], ignored: &[&str]) -> Result<Columns, Vec<String>> {
        let map: Vec<(String, String)> =
            map.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        let ignored: Vec<String> = ignored.iter().map(|title| (*title).to_owned()).collect();
        Columns::of(titles.split(',').map(str::to_owned).collect(), &map, &ignored)
    }

    #[test]
    fn columns_are_found_by_their_names() {
        let found = columns("Name,Street1,ADDRESS.CITY,Billing Contact,tag:Region,id", &[], &[]).unwrap();
        let expected = [
            Column::Field("name"),
            Column::Field("address.street1"),
            Column::Field("address.city"),
            Column::Field("billing_contact"),
            Column::Tag("Region".to_owned()),
            Column::Id,
        ];
        assert_eq!(found.columns, expected);
        for (pointer, column) in
            [("/name", Some(0)), ("/address/city", Some(2)), ("/tags/0/key", None), ("", None)]
        {
            assert_eq!(found.of_pointer(pointer), column, "{pointer}");
        }
        let mapped = columns("Firma,Notiz", &[("Firma", "name")], &["Notiz"]).unwrap();
        assert_eq!(mapped.columns, [Column::Field("name"), Column::Ignored]);
    }

    #[test]
    fn what_a_column_may_mean_is_suggested() {
        for (titles, map, ignored, expected) in [
            (
                "name,clasification",
                &[][..],
                &[][..],
                "column 2 (clasification): no field is called so; did you mean classification?",
            ),
            (
                "name,Zip",
                &[],
                &[],
                "column 2 (Zip): no field is called so; did you mean zipcode? Rename it, or repeat with --map 'Zip=zipcode'",
            ),
            ("Company Name", &[], &[], "column 1 (Company Name): no field is called so; did you mean name?"),
            (
                "name,Colour",
                &[],
                &[],
                "no field is called so; Rename it, or repeat with --map 'Colour=FIELD' or --ignore 'Colour'",
            ),
            (
                "name,city,address.city",
                &[],
                &[],
                "column 3 (address.city): column 2 (city) is the same field",
            ),
            ("name", &[("Firma", "name")], &[], "--map: there is no column \"Firma\""),
            ("name,x", &[("x", "ctiy")], &[], "--map: there is no field \"ctiy\"; did you mean city?"),
            ("name", &[], &["x"], "--ignore: there is no column \"x\""),
            ("city", &[], &[], "there is no column name, id or generated_external_id"),
        ] {
            let wrong = columns(titles, map, ignored).unwrap_err();
            assert!(wrong.len() == 1 && wrong[0].contains(expected), "{titles}: {wrong:?}");
        }
    }

    #[test]
    fn tags_are_read_as_they_are_written() {
        for (cell, expected) in [
            ("", json!([])),
            ("a=1; b", json!([{"key": "a", "value": "1"}, {"key": "b", "value": ""}])),
            ("a=1=2;", json!([{"key": "a", "value": "1=2"}])),
            (r#"[{"key": "a;b", "value": "1"}]"#, json!([{"key": "a;b", "value": "1"}])),
        ] {
            assert_eq!(tags(cell).unwrap(), expected, "{cell}");
        }
        assert!(tags("[a]").unwrap_err().contains("region=emea"));
    }
}
