//! The states of the US, by the abbreviations of its post.

use super::{Reading, same_name};
use crate::text::{name_key, only_near};
use std::borrow::Cow;

/// Takes an abbreviation in any case, with or without dots (`D.C.`), and the capital's district as it is written after
/// its city. A name, or a code of ISO (`US-MA`), stands for an abbreviation.
pub(super) fn read(text: &str) -> Reading {
    let key = name_key(text);
    if key == "washingtondc" {
        return Reading::State("DC".to_owned());
    }
    let of = |wanted: &dyn Fn(&str, &str) -> bool| {
        USPS.iter().find(|(known, name)| wanted(known, name)).map(|(known, _)| (*known).to_owned())
    };
    if let Some(known) = of(&|known, _| same_name(known, &key)) {
        return Reading::State(known);
    }
    let local = key.strip_prefix("us").unwrap_or_default();
    if let Some(known) = of(&|known, name| same_name(name, &key) || same_name(known, local)) {
        return Reading::Instead(known);
    }
    let names = USPS.iter().map(|(known, name)| (Cow::from(name_key(name)), (*known, *name)));
    Reading::Unknown(only_near(&key, names).map(|(known, name)| format!("{known} ({name})")))
}

/// The abbreviations of the United States Postal Service: states, the District of Columbia, territories and freely
/// associated states, armed forces (Publication 28, appendix B).
pub(super) const USPS: [(&str, &str); 62] = [
    ("AL", "Alabama"),
    ("AK", "Alaska"),
    ("AZ", "Arizona"),
    ("AR", "Arkansas"),
    ("CA", "California"),
    ("CO", "Colorado"),
    ("CT", "Connecticut"),
    ("DE", "Delaware"),
    ("DC", "District of Columbia"),
    ("FL", "Florida"),
    ("GA", "Georgia"),
    ("HI", "Hawaii"),
    ("ID", "Idaho"),
    ("IL", "Illinois"),
    ("IN", "Indiana"),
    ("IA", "Iowa"),
    ("KS", "Kansas"),
    ("KY", "Kentucky"),
    ("LA", "Louisiana"),
    ("ME", "Maine"),
    ("MD", "Maryland"),
    ("MA", "Massachusetts"),
    ("MI", "Michigan"),
    ("MN", "Minnesota"),
    ("MS", "Mississippi"),
    ("MO", "Missouri"),
    ("MT", "Montana"),
    ("NE", "Nebraska"),
    ("NV", "Nevada"),
    ("NH", "New Hampshire"),
    ("NJ", "New Jersey"),
    ("NM", "New Mexico"),
    ("NY", "New York"),
    ("NC", "North Carolina"),
    ("ND", "North Dakota"),
    ("OH", "Ohio"),
    ("OK", "Oklahoma"),
    ("OR", "Oregon"),
    ("PA", "Pennsylvania"),
    ("RI", "Rhode Island"),
    ("SC", "South Carolina"),
    ("SD", "South Dakota"),
    ("TN", "Tennessee"),
    ("TX", "Texas"),
    ("UT", "Utah"),
    ("VT", "Vermont"),
    ("VA", "Virginia"),
    ("WA", "Washington"),
    ("WV", "West Virginia"),
    ("WI", "Wisconsin"),
    ("WY", "Wyoming"),
    ("AS", "American Samoa"),
    ("FM", "Federated States of Micronesia"),
    ("GU", "Guam"),
    ("MH", "Marshall Islands"),
    ("MP", "Northern Mariana Islands"),
    ("PW", "Palau"),
    ("PR", "Puerto Rico"),
    ("VI", "Virgin Islands"),
    ("AA", "Armed Forces Americas"),
    ("AE", "Armed Forces Europe"),
    ("AP", "Armed Forces Pacific"),
];
