//! Country codes and lists of prefixes by country.

use super::prefix_list::read_prefix;
use crate::model::CountryTable;

/// The two letters of a country code, in upper case.
pub(super) fn code(text: &str) -> Option<[u8; 2]> {
    match text.trim().as_bytes() {
        [first, second] if first.is_ascii_alphabetic() && second.is_ascii_alphabetic() => {
            Some([first.to_ascii_uppercase(), second.to_ascii_uppercase()])
        }
        _ => None,
    }
}

/// Whether ISO 3166-1 assigns the code, or it is `XK` (Kosovo), which every database uses.
pub(super) fn is_assigned(code: [u8; 2]) -> bool {
    ASSIGNED
        .as_bytes()
        .chunks_exact(3)
        .any(|chunk| chunk.starts_with(&code))
}

/// Adds the lines `CC<TAB>prefix` to a table; `#` and `;` begin a comment.
///
/// The error is the line, from 1, and what is wrong with it.
pub(super) fn add_list(text: &str, table: &mut CountryTable) -> Result<(), (usize, String)> {
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_start_matches('\u{feff}');
        let line = line.split(['#', ';']).next().unwrap_or_default();
        let mut columns = line
            .split(['\t', ' ', ','])
            .filter(|column| !column.is_empty());
        let Some(country) = columns.next() else {
            continue;
        };
        let problem = |text: &str, problem: &str| {
            let shown: String = text.chars().take(64).collect();
            (index + 1, format!("`{shown}` {problem}"))
        };
        let country = code(country).ok_or_else(|| problem(country, "is no country code"))?;
        let prefix = columns
            .next()
            .ok_or_else(|| problem(line, "has no prefix"))?;
        let prefix = read_prefix(prefix).map_err(|reason| problem(prefix, reason))?;
        table.prefixes.push((prefix.net, country));
    }
    Ok(())
}

/// ISO 3166-1 alpha-2 as assigned, and `XK`; three bytes each.
const ASSIGNED: &str = "\
AD,AE,AF,AG,AI,AL,AM,AO,AQ,AR,AS,AT,AU,AW,AX,AZ,BA,BB,BD,BE,BF,BG,BH,BI,BJ,BL,BM,BN,BO,BQ,BR,BS,\
BT,BV,BW,BY,BZ,CA,CC,CD,CF,CG,CH,CI,CK,CL,CM,CN,CO,CR,CU,CV,CW,CX,CY,CZ,DE,DJ,DK,DM,DO,DZ,EC,EE,\
EG,EH,ER,ES,ET,FI,FJ,FK,FM,FO,FR,GA,GB,GD,GE,GF,GG,GH,GI,GL,GM,GN,GP,GQ,GR,GS,GT,GU,GW,GY,HK,HM,\
HN,HR,HT,HU,ID,IE,IL,IM,IN,IO,IQ,IR,IS,IT,JE,JM,JO,JP,KE,KG,KH,KI,KM,KN,KP,KR,KW,KY,KZ,LA,LB,LC,\
LI,LK,LR,LS,LT,LU,LV,LY,MA,MC,MD,ME,MF,MG,MH,MK,ML,MM,MN,MO,MP,MQ,MR,MS,MT,MU,MV,MW,MX,MY,MZ,NA,\
NC,NE,NF,NG,NI,NL,NO,NP,NR,NU,NZ,OM,PA,PE,PF,PG,PH,PK,PL,PM,PN,PR,PS,PT,PW,PY,QA,RE,RO,RS,RU,RW,\
SA,SB,SC,SD,SE,SG,SH,SI,SJ,SK,SL,SM,SN,SO,SR,SS,ST,SV,SX,SY,SZ,TC,TD,TF,TG,TH,TJ,TK,TL,TM,TN,TO,\
TR,TT,TV,TW,TZ,UA,UG,UM,US,UY,UZ,VA,VC,VE,VG,VI,VN,VU,WF,WS,XK,YE,YT,ZA,ZM,ZW,";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_two_letters_and_mostly_assigned() {
        assert_eq!(code("de"), Some(*b"DE"));
        assert_eq!(code("DEU"), None);
        assert_eq!(code("D1"), None);
        assert!(is_assigned(*b"GB") && is_assigned(*b"XK") && !is_assigned(*b"UK"));
        assert_eq!(ASSIGNED.len(), 250 * 3);
    }

    #[test]
    fn lists_name_the_line_that_is_wrong() {
        let mut table = CountryTable::default();
        add_list(
            "# head\nde\t192.0.2.0/24\nNO\t2001:db8::/32\n\n",
            &mut table,
        )
        .unwrap();
        assert_eq!(table.prefixes.len(), 2);
        assert_eq!(table.prefixes[0], ("192.0.2.0/24".parse().unwrap(), *b"DE"));
        let (line, reason) = add_list("DE\t10.0.0.0/8\nDE\tx\n", &mut table).unwrap_err();
        assert_eq!(
            (line, reason.as_str()),
            (2, "`x` is no IPv4 or IPv6 address or prefix")
        );
        assert_eq!(
            add_list("DE", &mut table).unwrap_err().1,
            "`DE` has no prefix"
        );
    }
}
