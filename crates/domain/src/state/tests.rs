use super::*;

/// The normalized state, `""` for no state, or the message.
fn state(country: &str, text: &str) -> Result<String, String> {
    let read = parse(text, Country::parse(country).ok());
    read.map(Option::unwrap_or_default).map_err(|violation| violation.message)
}

#[test]
fn valid_states_are_normalized() {
    let mut wrong = Vec::new();
    for (country, texts, kept) in [
        ("US", &["MA", "ma", " Ma "][..], "MA"),
        ("US", &["DC"], "DC"),
        ("US", &["pr"], "PR"),
        ("US", &["AE"], "AE"),
        ("US", &["M.A.", "m. a."], "MA"),
        ("US", &["D.C.", "Washington, DC", "Washington D.C.", "washington dc"], "DC"),
        ("AT", &["Lower Austria"], "Lower Austria"),
        ("MX", &["Estado de México"], "Estado de Mexico"),
        ("MX", &["CDMX"], "CDMX"),
        ("MX", &["Veracruz"], "Veracruz"),
        ("PL", &["Masovian Voivodeship"], "Masovian Voivodeship"),
        ("MY", &["Penang"], "Penang"),
        ("TH", &["Bangkok"], "Bangkok"),
        ("AR", &["CABA"], "CABA"),
        ("CO", &["Bogotá D.C.", "Bogotá, D.C."], "Bogota D.C."),
        ("DE", &["Bavaria"], "Bavaria"),
        ("BE", &["Brussels"], "Brussels"),
        ("BE", &["East Flanders"], "East Flanders"),
        ("ID", &["West Java"], "West Java"),
        ("SE", &["Stockholm"], "Stockholm"),
        ("CN", &["Guangdong"], "Guangdong"),
        ("CN", &["Guangdong Province"], "Guangdong Province"),
        ("CN", &["广东省", "广东"], "Guangdong"),
        ("KR", &["Seoul"], "Seoul"),
        ("KR", &["서울특별시", "서울"], "Seoul"),
        ("AE", &["Dubai"], "Dubai"),
        ("AE", &["Emirate of Dubai"], "Emirate of Dubai"),
        ("IL", &["Tel-Aviv"], "Tel-Aviv"),
        ("NZ", &["Wellington"], "Wellington"),
        ("JP", &["東京都", "東京"], "Tokyo"),
        ("JP", &["大阪府"], "Osaka"),
        ("JP", &["Osaka Prefecture"], "Osaka Prefecture"),
        ("CL", &["Región Metropolitana"], "Region Metropolitana"),
        ("SG", &["Singapore"], "Singapore"),
        ("MX", &["Estado de Jalisco"], "Estado de Jalisco"),
        ("BR", &["Estado de São Paulo"], "Estado de Sao Paulo"),
        ("EG", &["Cairo Governorate"], "Cairo Governorate"),
        ("FR", &["Île-de-France²"], "Ile-de-France"),
        ("KY", &["Cayman Islands"], "Cayman Islands"),
        ("PR", &["PR"], "PR"),
        ("GU", &["GU"], "GU"),
        ("FM", &["FM"], "FM"),
        ("KZ", &["Абайская область", "Abaiskaia oblast'"], "Abaiskaia oblast'"),
        ("GR", &["Αττική", "Attike"], "Attike"),
        ("GB", &["ＮＡ"], ""),
        ("DE", &["-", "n/a", "."], ""),
        ("SG", &["-", "N/A"], ""),
        ("AE", &["N/A"], ""),
        ("GB", &["X"], "X"),
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
        ("FR", &["Provence-Alpes-Côte d'Azur", "Provence-Alpes-Côte-d’Azur"], "Provence-Alpes-Cote-d'Azur"),
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
        (
            "BE",
            &["Région de Bruxelles-Capitale", "Bruxelles-Capitale, Région de"],
            "Region de Bruxelles-Capitale",
        ),
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
        ("CZ", &["Hlavní město Praha", "Praha, Hlavní město"], "Hlavni mesto Praha"),
        ("PT", &["Setúbal"], "Setubal"),
        ("GR", &["Attikí"], "Attiki"),
        ("RO", &["București", "Bucureşti"], "Bucuresti"),
        ("BG", &["Sofia"], "Sofia"),
        ("BG", &["Sofia (stolitsa)"], "Sofia (stolitsa)"),
        ("TR", &["İstanbul", "istanbul", "ISTANBUL"], "Istanbul"),
        ("RU", &["Arkhangel'skaya oblast'", "Arkhangelskaya oblast"], "Arkhangel'skaya oblast'"),
        ("RU", &["Respublika Tatarstan"], "Respublika Tatarstan"),
        ("RU", &["Tatarstan"], "Tatarstan"),
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
        ("HK", &["九龍"], "Kowloon"),
        ("", &["Anywhere"], "Anywhere"),
    ] {
        for text in texts {
            let found = state(country, text);
            if found.as_deref() != Ok(kept) {
                wrong.push(format!("{text}, {country}: {found:?}, not {kept}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn invalid_states_get_a_suggestion() {
    for (country, text, hint) in [
        ("US", "Massachusetts", "use MA"),
        ("US", "new  york", "use NY"),
        ("US", "District of Columbia", "use DC"),
        ("US", "US-MA", "use MA"),
        ("US", "Puerto Rico", "use PR"),
        ("US", "Masachusets", "did you mean MA (Massachusetts)?"),
        ("US", "New South Wales", "not \"New South Wales\""),
        ("US", "ZZ", "not \"ZZ\""),
        ("US", "9", "not \"9\""),
        ("AU", "NSW", "use New South Wales"),
        ("AU", "nsw", "use New South Wales"),
        ("AU", "AU-NSW", "use New South Wales"),
        ("AU", "N.S.W.", "use New South Wales"),
        ("AU", "New South Whales", "did you mean New South Wales?"),
        ("CA", "ON", "use Ontario"),
        ("DE", "BY", "use Bayern"),
        ("BR", "SP", "use Sao Paulo"),
        ("JP", "13", "use Tokyo"),
        ("FR", "IDF", "use Ile-de-France"),
        ("ES", "MD", "use Comunidad de Madrid"),
        ("NO", "32", "use Akershus"),
        ("CH", "BE", "use Berne"),
        ("AU", "MA", "of Australia, not \"MA\""),
        ("AU", "-", "of Australia, not \"-\""),
        ("FR", "MA", "of France, not \"MA\""),
        ("CA", "QC", "use Quebec"),
        ("CA", "PEI", "use Prince Edward Island"),
        ("DE", "NRW", "use Nordrhein-Westfalen"),
        ("IN", "Atlantis", "of India, not \"Atlantis\""),
        ("IN", "Karnatka", "did you mean Karnataka?"),
        ("GB", "\u{e000}", "transliterated to ASCII"),
        ("GB", "a\u{0}b", "control character"),
        ("", "a\u{0}b", "control character"),
    ] {
        let message = state(country, text).unwrap_err();
        assert!(message.contains(hint), "{text}, {country}: {message}");
    }
    // 200 letters are too long if they become 400 in ASCII.
    assert!(state("GB", &"Æ".repeat(200)).unwrap_err().contains("400 characters"));
}

#[test]
fn states_from_directories_are_normalized() {
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
        ("HK", "九龍", Some("Kowloon")),
        ("GB", "LND", Some("City of London")),
        ("FR", "IDF", Some("Ile-de-France")),
        ("DE", "Bavaria", Some("Bavaria")),
        ("US", "Massachusets", Some("Massachusets")),
        ("US", "NSW", Some("NSW")),
        ("AU", "MA", Some("MA")),
        ("AU", "\u{e000}", Some("\u{e000}")),
        ("DE", "", None),
        ("DE", "-", None),
        ("US", " ", None),
        ("AU", "a\tb", None),
    ] {
        let country = Country::parse(country).unwrap();
        assert_eq!(from_directory(text, country).as_deref(), kept, "{text}, {}", country.name());
    }
}

#[test]
fn every_abbreviation_is_its_own_name_and_no_other() {
    for (abbreviation, name) in usps::USPS {
        assert_eq!(state("US", abbreviation), Ok(abbreviation.to_owned()));
        assert!(state("US", name).unwrap_err().ends_with(&format!("use {abbreviation}")), "{name}");
    }
}

/// The names of divisions in ISO 3166-2, English CLDR and a list for web forms.
#[test]
fn names_of_the_sources_are_accepted_in_ascii_and_unchanged_afterwards() {
    let (mut all, mut refused) = (0_usize, Vec::new());
    for row in Table(include_str!("../../tests/data/division_names.tsv")).rows() {
        let country = cell(row, 0);
        for name in entries(row, 1) {
            all += 1;
            match state(country, name) {
                Ok(kept) => {
                    assert!(
                        kept.is_ascii() && kept.contains(|c: char| c.is_ascii_alphanumeric()),
                        "{country} {kept}"
                    );
                    assert_eq!(state(country, &kept), Ok(kept), "{country} {name}");
                }
                Err(message) => refused.push(format!("{country}: {message}")),
            }
        }
    }
    assert!(all > 7000 && refused.len() * 500 < all, "{} of {all} are refused: {refused:#?}", refused.len());
}

#[test]
fn the_tables_are_in_order() {
    for row in DIVISIONS.rows() {
        assert!(main_name(row).is_ascii(), "{row}");
        let country = cell(row, 0);
        for name in names(row) {
            assert!(!name_key(name).is_empty(), "{name}");
            assert!(!name.contains(['@', '`', '*']) && !name.starts_with(' '), "{name}");
            // A normalized state is not changed again.
            let kept = state(country, name).unwrap();
            assert!(kept.is_ascii(), "{kept}");
            assert_eq!(state(country, &kept), Ok(kept), "{country} {name}");
        }
    }
    assert!(GENERIC.is_sorted());
}

/// Misspelt forms, with one or two edits, of every name in countries that validate states.
#[test]
fn suggestions_for_misspelt_names_are_right() {
    let (mut all, mut helped) = (0_u32, 0_u32);
    for row in DIVISIONS.rows() {
        let country = Country::parse(cell(row, 0)).unwrap();
        if country.state() == Needed::Unused {
            continue;
        }
        let divisions = Divisions { country };
        for name in names(row).filter(|name| name.is_ascii() && !name.starts_with('~')) {
            for wrong in crate::text::neighbours(&name_key(name)).into_iter().skip(name.len() % 3).take(1) {
                if !(4..=64).contains(&wrong.len()) || divisions.named(&wrong, &wrong).is_some() {
                    continue;
                }
                all += 1;
                match divisions.near(&wrong) {
                    None => {}
                    Some(meant) if names(row).any(|name| name.trim_start_matches('~') == meant) => {
                        helped += 1;
                    }
                    Some(meant) => panic!("{wrong} is {name} in {country:?}, not {meant}"),
                }
            }
        }
    }
    assert!(helped * 10 > all * 6, "{helped} of {all} are told what is meant");
}

#[test]
fn choices_are_valid_states() {
    let mut countries = 0;
    for country in Country::all() {
        let choices = choices(country);
        countries += usize::from(!choices.is_empty());
        for (state, _) in &choices {
            assert_eq!(parse(state, Some(country)), Ok(Some((*state).to_owned())), "{country:?}");
        }
        let values: std::collections::BTreeSet<_> = choices.iter().map(|(state, _)| state).collect();
        assert_eq!(values.len(), choices.len(), "{country:?} has one twice");
        assert!(choices.is_empty() || country.state() != Needed::Unused, "{country:?}");
    }
    assert!(countries > 40, "{countries}");
    let of = |alpha2| choices(Country::with_code(alpha2).unwrap());
    assert!(of("US").contains(&("MA", "Massachusetts")) && of("US").len() == 62);
    assert!(of("AU").contains(&("New South Wales", "New South Wales")));
    assert!(of("DE").is_empty() && of("KZ").is_empty());
}
