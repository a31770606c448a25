//! Distinguished names as text: `C=DE, O=Example, CN=example.org`, escaped as RFC 4514 says, in the
//! certificate's order.

use readers::hex;
use x509_parser::asn1_rs::Tag;
use x509_parser::x509::X509Name;

/// Short names as openssl writes them.
const ATTRIBUTES: [(&str, &str); 22] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.4", "SN"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "street"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.12", "title"),
    ("2.5.4.13", "description"),
    ("2.5.4.15", "businessCategory"),
    ("2.5.4.17", "postalCode"),
    ("2.5.4.42", "GN"),
    ("2.5.4.97", "organizationIdentifier"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
    ("1.3.6.1.4.1.311.60.2.1.1", "jurisdictionL"),
    ("1.3.6.1.4.1.311.60.2.1.2", "jurisdictionST"),
    ("1.3.6.1.4.1.311.60.2.1.3", "jurisdictionC"),
    ("2.5.4.46", "dnQualifier"),
];

/// Formats a name.
pub(crate) fn text(name: &X509Name<'_>) -> String {
    let mut text = String::new();
    for set in name.iter_rdn() {
        let mut separator = ", ";
        for attribute in set.iter() {
            if !text.is_empty() {
                text += separator;
            }
            let kind = attribute.attr_type().to_id_string();
            let short = ATTRIBUTES.iter().find(|(number, _)| *number == kind);
            text += short.map_or(kind.as_str(), |(_, short)| short);
            text.push('=');
            let value = attribute.attr_value();
            escape(&mut text, &string(value.tag(), value.data));
            separator = " + ";
        }
    }
    text
}

/// Decodes a value by its string type; a value that is not a string becomes `#` and hexadecimal
/// digits.
fn string(tag: Tag, content: &[u8]) -> String {
    match tag {
        Tag::Utf8String
        | Tag::NumericString
        | Tag::PrintableString
        | Tag::Ia5String
        | Tag::VisibleString => String::from_utf8_lossy(content).into_owned(),
        // Latin-1 in practice.
        Tag::TeletexString => content.iter().map(|byte| char::from(*byte)).collect(),
        Tag::BmpString => {
            let units = content.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            char::decode_utf16(units)
                .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
                .collect()
        }
        Tag::UniversalString => {
            let units = content
                .chunks_exact(4)
                .map(|word| u32::from_be_bytes([word[0], word[1], word[2], word[3]]));
            units.map(|unit| char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        }
        _ => format!("#{}", hex::upper(content)),
    }
}

/// Appends a value, with a backslash before each character that RFC 4514 reserves.
fn escape(text: &mut String, value: &str) {
    let last = value.chars().count().saturating_sub(1);
    for (index, c) in value.chars().enumerate() {
        if matches!(c, ',' | '+' | '"' | '\\' | '<' | '>' | ';')
            || (index == 0 && matches!(c, '#' | ' '))
            || (index == last && c == ' ')
        {
            text.push('\\');
        }
        text.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_of_each_type_are_decoded_and_escaped() {
        assert_eq!(string(Tag::BmpString, &[0, b'A', 0x20, 0xac]), "A€");
        assert_eq!(
            (
                string(Tag::TeletexString, b"\xe9"),
                string(Tag::Utf8String, b"\xff"),
                string(Tag::Null, b"\x01")
            ),
            ("é".into(), "\u{fffd}".into(), "#01".into())
        );
        let mut text = String::new();
        escape(&mut text, " a, b+c\\ ");
        assert_eq!(text, "\\ a\\, b\\+c\\\\\\ ");
    }
}
