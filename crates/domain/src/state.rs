//! States, provinces, regions: USPS abbreviations in the US, the names of ISO 3166-2 in ASCII elsewhere.

use crate::country::Country;
use crate::text::{any_of, ascii, closest, filled_line, invalid, skeleton};
use crate::violation::{Violation, shortened};
use rust_iso3166::iso3166_2::SUBDIVISION_COUNTRY_MAP;
use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

/// The longest state, in characters.
const MOST: usize = 255;

/// Reads the state of an address in `country`, and gives it as it is kept. Where the country is not known, only
/// the form of the text is looked at. The violation's pointer is `""`.
pub(crate) fn parse(text: &str, country: Option<Country>) -> Result<String, Violation> {
    let text = filled_line(text, MOST)?;
    match country {
        Some(country) if country.is_us() => usps(text),
        Some(country) => match DIVISIONS.get(country.alpha2()) {
            Some(divisions) => divisions.parse(text, country),
            None => folded(text),
        },
        None => folded(text),
    }
}

/// The form that is kept of a state as directories write it: like [`parse`], and a code stands for its name
/// (`NSW` for `New South Wales`), in the US a name for its abbreviation (`Massachusetts` for `MA`). Nothing is
/// guessed: what means no state is what [`parse`] says of it.
///
/// # Errors
/// The violation's pointer is `""`.
pub fn from_directory(text: &str, country: Country) -> Result<String, Violation> {
    let wanted = skeleton(text);
    let stands_for = if country.is_us() {
        abbreviated(&wanted).map(str::to_owned)
    } else {
        let divisions =
            DIVISIONS.get(country.alpha2()).filter(|divisions| !divisions.names.contains_key(&wanted));
        divisions.and_then(|divisions| divisions.codes.get(&wanted).cloned())
    };
    stands_for.map_or_else(|| parse(text, Some(country)), Ok)
}

/// Any text that can be written in ASCII.
fn folded(text: &str) -> Result<String, Violation> {
    let Some(folded) = ascii(text) else {
        let message = format!("must be transliterated to ASCII, for {:?} cannot be", shortened(text));
        return Err(invalid(message));
    };
    filled_line(&folded, MOST).map(str::to_owned)
}

fn usps(text: &str) -> Result<String, Violation> {
    let abbreviation = text.to_ascii_uppercase();
    if USPS.iter().any(|(known, _)| *known == abbreviation) {
        return Ok(abbreviation);
    }
    let wanted = skeleton(text);
    if let Some(known) = abbreviated(&wanted) {
        return Err(invalid(format!("must be the abbreviation of two letters: use {known}")));
    }
    let shown: Vec<(String, String)> =
        USPS.iter().map(|(known, name)| (skeleton(name), format!("{known} ({name})"))).collect();
    let near = closest(&wanted, shown.iter().map(|(name, shown)| (name.as_str(), shown.as_str())), 3);
    Err(invalid(format!(
        "must be the USPS abbreviation of a state or territory, not {:?}; the closest are {}",
        shortened(text),
        near.join(", ")
    )))
}

/// The abbreviation that a name or a code of ISO (`us-ma`) stands for, by its skeleton.
fn abbreviated(wanted: &str) -> Option<&'static str> {
    let by_iso_code = |known: &str| wanted == format!("us{}", known.to_ascii_lowercase());
    let found = USPS.iter().find(|(known, name)| skeleton(name) == wanted || by_iso_code(known));
    found.map(|(known, _)| *known)
}

/// The divisions of one country.
#[derive(Default)]
struct Divisions {
    /// Full names in ASCII, as they are kept, by every skeleton that means them.
    names: BTreeMap<String, String>,
    /// Full names by code in lower case, with and without the country's: `nsw`, `aunsw`.
    codes: HashMap<String, String>,
}

impl Divisions {
    fn parse(&self, text: &str, country: Country) -> Result<String, Violation> {
        let wanted = skeleton(text);
        if let Some(name) = self.names.get(&wanted) {
            return Ok(name.clone());
        }
        if let Some(name) = self.codes.get(&wanted) {
            return Err(invalid(format!("must be the full name: use {name}")));
        }
        let near = closest(&wanted, self.names.iter().map(|(key, name)| (key.as_str(), name.as_str())), 3);
        Err(invalid(format!(
            "must be the full ISO 3166-2 name of a state or region of {}, not {:?}; the closest are {}",
            country.name(),
            shortened(text),
            any_of(&near)
        )))
    }

    fn of(alpha2: &str, iso: &[(&str, &str)]) -> Divisions {
        let mut divisions = Divisions::default();
        let more = MORE.iter().filter(|(code, _)| code.starts_with(alpha2));
        let named: Vec<(&str, &str)> = iso.iter().chain(more).copied().collect();
        let plain: Vec<(String, Vec<String>)> = named
            .iter()
            .map(|(_, name)| {
                let (plain, variants) = unfolded(name);
                // Bulgaria has "Sofia" and "Sofia (stolitsa)".
                let clash = plain != *name
                    && named.iter().any(|(_, other)| other != name && skeleton(other) == skeleton(&plain));
                (if clash { (*name).to_owned() } else { plain }, variants)
            })
            .collect();
        // First what the names are, then what they might be.
        for ((code, _), (name, _)) in named.iter().zip(&plain) {
            let name = ascii(name).unwrap_or_default();
            let local = skeleton(code.split_once('-').map_or(*code, |(_, local)| local));
            for code in [local, skeleton(code)] {
                divisions.codes.entry(code).or_insert_with(|| name.clone());
            }
            divisions.names.entry(skeleton(&name)).or_insert(name);
        }
        for (name, variants) in &plain {
            let name = ascii(name).unwrap_or_default();
            for variant in variants {
                divisions.names.entry(skeleton(variant)).or_insert_with(|| name.clone());
            }
        }
        divisions
    }
}

/// A name as ISO prints it, put straight, and the other ways to write it: `Murcia, Región de` is `Región de Murcia`,
/// and `Murcia` where that is nothing else.
fn unfolded(iso: &str) -> (String, Vec<String>) {
    let mut variants = vec![iso.to_owned()];
    let mut plain = iso.trim_start_matches('/').to_owned();
    if let Some((before, _)) = plain.split_once(" (") {
        plain = before.to_owned();
    }
    if let Some((first, rest)) = plain.split_once(" / ") {
        variants.push(rest.to_owned());
        plain = first.to_owned();
    }
    // "Andrés, Providencia y Santa Catalina" is a list, not an inversion.
    if let Some((head, tail)) = plain.split_once(", ")
        && ![" y ", " and "].iter().any(|and| tail.contains(and))
    {
        variants.push(head.to_owned());
        plain = format!("{tail} {head}");
    }
    // Germans and Danes write "Thueringen" and "Moere" where ASCII is asked for.
    let mut spelt = plain.clone();
    for (letter, letters) in [("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("å", "aa"), ("ø", "oe")] {
        spelt = spelt.replace(letter, letters);
    }
    variants.push(spelt);
    (plain, variants)
}

/// By alpha-2 code of the country; none of those whose states are any text.
static DIVISIONS: LazyLock<HashMap<&'static str, Divisions>> = LazyLock::new(|| {
    SUBDIVISION_COUNTRY_MAP
        .entries()
        .filter(|(country, divisions)| !divisions.is_empty() && !matches!(**country, "US" | "GB" | "IE"))
        .map(|(country, divisions)| {
            let iso: Vec<(&str, &str)> =
                divisions.iter().map(|division| (division.code, division.name)).collect();
            (*country, Divisions::of(country, &iso))
        })
        .collect()
});

/// Names that the crate's table of ISO 3166-2 lacks: those in a region's further official languages, and Norway's
/// counties since 2024.
const MORE: [(&str, &str); 61] = [
    ("BE-BRU", "Brussels Hoofdstedelijk Gewest"),
    ("BE-VLG", "Région flamande"),
    ("BE-WAL", "Waals Gewest"),
    ("BE-WAL", "Wallonie"),
    ("BE-VLG", "Vlaanderen"),
    ("CA-BC", "Colombie-Britannique"),
    ("CA-NB", "Nouveau-Brunswick"),
    ("CA-NL", "Terre-Neuve-et-Labrador"),
    ("CA-NS", "Nouvelle-Écosse"),
    ("CA-NT", "Territoires du Nord-Ouest"),
    ("CA-PE", "Île-du-Prince-Édouard"),
    ("CH-BE", "Bern"),
    ("CH-FR", "Freiburg"),
    ("CH-GR", "Grigioni"),
    ("CH-GR", "Grischun"),
    ("CH-VS", "Wallis"),
    ("ES-A", "Alacant"),
    ("ES-BI", "Vizcaya"),
    ("ES-C", "La Coruña"),
    ("ES-CS", "Castelló"),
    ("ES-CT", "Cataluña"),
    ("ES-GI", "Gerona"),
    ("ES-IB", "Islas Baleares"),
    ("ES-L", "Lérida"),
    ("ES-NA", "Nafarroa"),
    ("ES-NC", "Nafarroako Foru Komunitatea"),
    ("ES-OR", "Orense"),
    ("ES-PV", "Euskal Herria"),
    ("ES-SS", "Guipúzcoa"),
    ("ES-VC", "Comunitat Valenciana"),
    ("ES-VI", "Araba"),
    ("FI-01", "Ahvenanmaan maakunta"),
    ("FI-02", "Södra Karelen"),
    ("FI-03", "Södra Österbotten"),
    ("FI-04", "Södra Savolax"),
    ("FI-05", "Kajanaland"),
    ("FI-06", "Egentliga Tavastland"),
    ("FI-07", "Mellersta Österbotten"),
    ("FI-08", "Mellersta Finland"),
    ("FI-09", "Kymmenedalen"),
    ("FI-10", "Lappland"),
    ("FI-11", "Birkaland"),
    ("FI-12", "Österbotten"),
    ("FI-13", "Norra Karelen"),
    ("FI-14", "Norra Österbotten"),
    ("FI-15", "Norra Savolax"),
    ("FI-16", "Päijänne-Tavastland"),
    ("FI-17", "Satakunda"),
    ("FI-18", "Nyland"),
    ("FI-19", "Egentliga Finland"),
    ("IT-23", "Val d'Aoste"),
    ("IT-32", "Trentino-Südtirol"),
    ("IT-BZ", "Bozen"),
    ("NL-FR", "Friesland"),
    ("NO-31", "Østfold"),
    ("NO-32", "Akershus"),
    ("NO-33", "Buskerud"),
    ("NO-39", "Vestfold"),
    ("NO-40", "Telemark"),
    ("NO-55", "Troms"),
    ("NO-56", "Finnmark"),
];

/// The abbreviations of the United States Postal Service: states, the District of Columbia, territories and freely
/// associated states, armed forces (Publication 28, appendix B).
const USPS: [(&str, &str); 62] = [
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

#[cfg(test)]
mod tests {
    use super::*;

    fn state(country: &str, text: &str) -> Result<String, String> {
        parse(text, Country::parse(country).ok()).map_err(|violation| violation.message)
    }

    #[test]
    fn kept() {
        for (country, texts, kept) in [
            ("US", &["MA", "ma", " Ma "][..], "MA"),
            ("US", &["DC"], "DC"),
            ("US", &["pr"], "PR"),
            ("US", &["AE"], "AE"),
            (
                "AU",
                &["New South Wales", "new south wales", "NEW  SOUTH WALES", "New-South-Wales"],
                "New South Wales",
            ),
            ("AU", &["Australian Capital Territory"], "Australian Capital Territory"),
            ("AU", &["northern territory"], "Northern Territory"),
            ("CA", &["Quebec", "Québec", "QUEBEC"], "Quebec"),
            ("CA", &["British Columbia"], "British Columbia"),
            ("CA", &["Colombie-Britannique"], "Colombie-Britannique"),
            ("CA", &["Newfoundland and Labrador"], "Newfoundland and Labrador"),
            ("DE", &["Bayern"], "Bayern"),
            ("DE", &["Baden-Württemberg", "baden wurttemberg", "Baden-Wuerttemberg"], "Baden-Wurttemberg"),
            ("DE", &["Thüringen", "Thuringen", "Thueringen"], "Thuringen"),
            ("AT", &["Niederösterreich", "Niederoesterreich"], "Niederosterreich"),
            ("FR", &["Île-de-France", "Ile de France", "ÎLE-DE-FRANCE"], "Ile-de-France"),
            (
                "FR",
                &["Provence-Alpes-Côte d'Azur", "Provence-Alpes-Côte-d’Azur"],
                "Provence-Alpes-Cote-d'Azur",
            ),
            ("FR", &["Bouches-du-Rhône"], "Bouches-du-Rhone"),
            ("FR", &["Paris"], "Paris"),
            ("FR", &["Guyane", "Guyane (française)"], "Guyane"),
            ("BR", &["São Paulo", "Sao Paulo", "sao paulo"], "Sao Paulo"),
            ("BR", &["Rio de Janeiro"], "Rio de Janeiro"),
            ("BR", &["Distrito Federal"], "Distrito Federal"),
            ("IN", &["Maharashtra", "Mahārāshtra"], "Maharashtra"),
            ("IN", &["Tamil Nadu"], "Tamil Nadu"),
            ("IN", &["Delhi"], "Delhi"),
            ("MX", &["Ciudad de México"], "Ciudad de Mexico"),
            ("MX", &["Nuevo Leon"], "Nuevo Leon"),
            ("JP", &["Tokyo", "Tōkyō", "Tôkyô"], "Tokyo"),
            ("JP", &["Hokkaidō"], "Hokkaido"),
            ("ES", &["Murcia"], "Murcia"),
            ("ES", &["Región de Murcia", "Murcia, Región de"], "Region de Murcia"),
            ("ES", &["Comunidad de Madrid", "Madrid, Comunidad de"], "Comunidad de Madrid"),
            ("ES", &["Catalunya"], "Catalunya"),
            ("ES", &["Cataluña"], "Cataluna"),
            ("ES", &["Andalucía"], "Andalucia"),
            ("IT", &["Lombardia"], "Lombardia"),
            ("IT", &["Valle d'Aosta", "Valle d’Aosta"], "Valle d'Aosta"),
            ("IT", &["Bozen"], "Bozen"),
            ("CH", &["Zürich", "Zurich", "Zuerich"], "Zurich"),
            ("CH", &["Bern"], "Bern"),
            ("CH", &["Berne"], "Berne"),
            ("CH", &["Genève"], "Geneve"),
            ("NL", &["Noord-Holland"], "Noord-Holland"),
            ("NL", &["Fryslân"], "Fryslan"),
            ("BE", &["Région de Bruxelles-Capitale", "Bruxelles-Capitale"], "Region de Bruxelles-Capitale"),
            ("BE", &["Oost-Vlaanderen"], "Oost-Vlaanderen"),
            ("SE", &["Stockholms län"], "Stockholms lan"),
            ("SE", &["Skåne län", "Skaane laen"], "Skane lan"),
            ("NO", &["Møre og Romsdal", "Moere og Romsdal"], "More og Romsdal"),
            ("NO", &["Østfold"], "Ostfold"),
            ("DK", &["Sjælland"], "Sjaelland"),
            ("FI", &["Uusimaa"], "Uusimaa"),
            ("FI", &["Nyland"], "Nyland"),
            ("PL", &["Łódzkie"], "Lodzkie"),
            ("PL", &["Świętokrzyskie"], "Swietokrzyskie"),
            ("CZ", &["Praha", "Hlavní město Praha"], "Hlavni mesto Praha"),
            ("PT", &["Setúbal"], "Setubal"),
            ("GR", &["Attikí"], "Attiki"),
            ("RO", &["București", "Bucureşti"], "Bucuresti"),
            ("BG", &["Sofia"], "Sofia"),
            ("BG", &["Sofia (stolitsa)"], "Sofia (stolitsa)"),
            ("TR", &["İstanbul", "istanbul", "ISTANBUL"], "Istanbul"),
            ("RU", &["Arkhangel'skaya oblast'", "Arkhangelskaya oblast"], "Arkhangel'skaya oblast'"),
            ("RU", &["Tatarstan", "Respublika Tatarstan"], "Respublika Tatarstan"),
            ("UA", &["Kyiv"], "Kyiv"),
            ("CN", &["Guangdong Sheng"], "Guangdong Sheng"),
            ("TW", &["Taipei"], "Taipei"),
            ("KR", &["Gyeonggi-do"], "Gyeonggi-do"),
            ("SG", &["Central Singapore"], "Central Singapore"),
            ("AE", &["Dubayy"], "Dubayy"),
            ("AZ", &["Gəncə"], "Gence"),
            ("NZ", &["Hawke's Bay", "Hawkes Bay"], "Hawke's Bay"),
            ("ZA", &["Gauteng"], "Gauteng"),
            ("CO", &["San Andrés, Providencia y Santa Catalina"], "San Andres, Providencia y Santa Catalina"),
            ("NA", &["Karas", "//Karas"], "Karas"),
            ("PH", &["Ilocos", "Ilocos (Region I)"], "Ilocos"),
            ("GB", &["Greater London"], "Greater London"),
            ("GB", &["Gwynedd "], "Gwynedd"),
            ("IE", &["Dún Laoghaire"], "Dun Laoghaire"),
            ("HK", &["Kowloon"], "Kowloon"),
            ("PR", &["San  Juan"], "San Juan"),
            ("HK", &["九龍"], "Jiu Long"),
            ("", &["Anywhere"], "Anywhere"),
        ] {
            for text in texts {
                assert_eq!(state(country, text), Ok(kept.to_owned()), "{text}, {country}");
            }
        }
    }

    #[test]
    fn refused_with_what_to_use() {
        for (country, text, hint) in [
            ("US", "Massachusetts", "use MA"),
            ("US", "new  york", "use NY"),
            ("US", "District of Columbia", "use DC"),
            ("US", "US-MA", "use MA"),
            ("US", "Puerto Rico", "use PR"),
            ("US", "Masachusets", "the closest are MA (Massachusetts)"),
            ("US", "New South Wales", "the closest are"),
            ("US", "ZZ", "not \"ZZ\""),
            ("US", "9", "not \"9\""),
            ("AU", "NSW", "use New South Wales"),
            ("AU", "nsw", "use New South Wales"),
            ("AU", "AU-NSW", "use New South Wales"),
            ("AU", "N.S.W.", "use New South Wales"),
            ("AU", "New South Whales", "\"New South Wales\""),
            ("CA", "ON", "use Ontario"),
            ("DE", "BY", "use Bayern"),
            ("DE", "Bavaria", "\"Bayern\""),
            ("BR", "SP", "use Sao Paulo"),
            ("JP", "13", "use Tokyo"),
            ("FR", "IDF", "use Ile-de-France"),
            ("ES", "MD", "use Comunidad de Madrid"),
            ("NO", "32", "use Akershus"),
            ("CH", "BE", "use Berne"),
            ("KR", "Seoul", "\"Seoul-teukbyeolsi\""),
            ("CN", "Guangdong", "\"Guangdong Sheng\""),
            ("AE", "Dubai", "\"Dubayy\""),
            ("SG", "Singapore", "of Singapore"),
            ("AU", "MA", "of Australia"),
            ("GB", "\u{e000}", "transliterated to ASCII"),
            ("GB", "a\u{0}b", "control character"),
            ("", "a\u{0}b", "control character"),
        ] {
            let message = state(country, text).unwrap_err();
            assert!(message.contains(hint), "{text}, {country}: {message}");
        }
        // 200 letters that become 400 are too long.
        assert!(state("GB", &"Æ".repeat(200)).unwrap_err().contains("400 characters"));
    }

    #[test]
    fn as_directories_write_them() {
        for (country, text, kept) in [
            ("AU", "NSW", Some("New South Wales")),
            ("AU", "AU-NSW", Some("New South Wales")),
            ("AU", "new south wales", Some("New South Wales")),
            ("BR", "SP", Some("Sao Paulo")),
            ("JP", "13", Some("Tokyo")),
            ("US", "Massachusetts", Some("MA")),
            ("US", "wa", Some("WA")),
            ("US", "US-MA", Some("MA")),
            ("GB", "Kent", Some("Kent")),
            ("HK", "九龍", Some("Jiu Long")),
            ("US", "Massachusets", None),
            ("US", "NSW", None),
            ("AU", "MA", None),
            ("DE", "Bavaria", None),
            ("DE", "", None),
            ("US", " ", None),
            ("AU", "\u{e000}", None),
        ] {
            let country = Country::parse(country).unwrap();
            assert_eq!(from_directory(text, country).ok().as_deref(), kept, "{text}, {}", country.name());
        }
    }

    #[test]
    fn every_abbreviation_is_its_own_name_and_no_other() {
        for (abbreviation, name) in USPS {
            assert_eq!(state("US", abbreviation), Ok(abbreviation.to_owned()));
            assert!(state("US", name).unwrap_err().ends_with(&format!("use {abbreviation}")), "{name}");
        }
    }

    #[test]
    fn every_name_of_iso_is_taken_kept_in_ascii_and_taken_again() {
        for (country, divisions) in SUBDIVISION_COUNTRY_MAP.entries().filter(|(country, _)| **country != "US")
        {
            let mut kept = HashMap::new();
            for division in *divisions {
                let name = state(country, division.name).unwrap_or_else(|e| panic!("{}: {e}", division.code));
                assert!(
                    name.is_ascii() && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '\''),
                    "{name}"
                );
                assert!(!name.contains(['@', '`', '[', '*']), "{name}");
                assert_eq!(state(country, &name), Ok(name.clone()));
                // No two different names of a country are kept as the same one.
                assert_eq!(*kept.entry(name).or_insert(division.name), division.name, "{}", division.code);
            }
        }
    }

    #[test]
    fn the_further_names_are_further() {
        for (code, name) in MORE {
            let (country, _) = code.split_once('-').unwrap();
            assert!(state(country, name).is_ok(), "{name}");
            let iso = SUBDIVISION_COUNTRY_MAP[country];
            assert!(
                !iso.iter().any(|division| skeleton(division.name) == skeleton(name)),
                "{name} is in the table"
            );
        }
    }
}
