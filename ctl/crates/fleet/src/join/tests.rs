use super::*;
use proptest::prelude::*;

#[test]
fn a_tokens_text_is_read_back_and_nothing_else_is() {
    let token = JoinToken::new(&[0xa5; RANDOM]);
    let text = token.reveal();
    assert_eq!(text.len(), 50);
    assert_eq!(JoinToken::parse(&format!(" {text}\n")), Ok(token.clone()));
    for bad in [
        "",
        "bat1",
        &text[..49],
        &format!("{text}0"),
        &format!("{text}."),
        &text.replace("bat1", "bat2"),
        &text.to_uppercase(),
        &text.replace('.', ""),
        &format!("{}u", &text[..49]),
        &format!("{} ", &text[..49]),
    ] {
        assert_eq!(JoinToken::parse(bad), Err(NotAToken), "{bad:?}");
    }
}

#[test]
fn neither_debug_output_nor_an_error_shows_the_secret() {
    let token = JoinToken::new(&[0x5a; RANDOM]);
    let text = token.reveal();
    let secret = text.rsplit('.').next().unwrap();
    assert_eq!(secret.len(), 32);
    assert!(!format!("{token:?}").contains(secret));
    let error = JoinToken::parse(&text[1..]).unwrap_err();
    assert!(!format!("{error} {error:?}").contains(&secret[..8]));
}

#[test]
fn every_random_bit_is_in_the_token() {
    let zero = JoinToken::new(&[0; RANDOM]);
    let mut texts = std::collections::BTreeSet::from([zero.reveal()]);
    for bit in 0..RANDOM * 8 {
        let mut random = [0; RANDOM];
        random[bit / 8] = 0x80 >> (bit % 8);
        // The id has 60 bits of the first 64.
        assert_eq!(
            texts.insert(JoinToken::new(&random).reveal()),
            !(60..64).contains(&bit),
            "{bit}"
        );
    }
}

fn terms() -> JoinTerms {
    JoinTerms {
        expires: 100,
        max_uses: 3,
        labels: Labels::new(),
        networks: vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()],
        approval: true,
        per_source_rate: None,
    }
}

#[test]
fn a_token_admits_within_its_terms() {
    use JoinRefusal::{Expired, Network, Revoked, UsedUp};
    for (uses, revoked, now, source, wanted) in [
        (0, false, 99, "10.1.2.3", None),
        (2, false, 0, "fd00::1", None),
        (2, false, 0, "::ffff:10.1.2.3", None),
        (3, false, 0, "10.1.2.3", Some(UsedUp)),
        (0, false, 100, "10.1.2.3", Some(Expired)),
        (0, false, 0, "192.0.2.1", Some(Network)),
        (0, true, 0, "10.1.2.3", Some(Revoked)),
        // The reason that cannot be changed any more comes first.
        (9, true, 200, "192.0.2.1", Some(Revoked)),
        (9, false, 200, "192.0.2.1", Some(Expired)),
    ] {
        let admitted = admit(&terms(), JoinState { uses, revoked }, now, source.parse().unwrap());
        assert_eq!(admitted.as_ref().err(), wanted.as_ref(), "{uses} {revoked} {now} {source}");
        assert!(admitted.is_err() || admitted.is_ok_and(|admitted| admitted.approval));
    }
}

#[test]
fn terms_beyond_their_bounds_are_refused() {
    let many =
        || (0..=MAX_LABELS).map(|n| (format!("l{n}").parse().unwrap(), "x".parse().unwrap()));
    for (change, wanted) in [
        ((|_| {}) as fn(&mut JoinTerms), None),
        (|terms| terms.expires = 50 + MAX_LIFE, None),
        (|terms| terms.expires = 51 + MAX_LIFE, Some(TermsError::Expires)),
        (|terms| terms.expires = 50, Some(TermsError::Expires)),
        (|terms| terms.max_uses = 0, Some(TermsError::MaxUses)),
        (|terms| terms.max_uses = MAX_USES + 1, Some(TermsError::MaxUses)),
        (
            |terms| terms.networks = vec![terms.networks[0]; MAX_NETWORKS + 1],
            Some(TermsError::Networks),
        ),
        (|terms| terms.per_source_rate = Some(0), Some(TermsError::PerSourceRate)),
        (|terms| terms.per_source_rate = Some(MAX_PER_SOURCE_RATE), None),
    ] {
        let mut terms = terms();
        change(&mut terms);
        assert_eq!(terms.check(50).err(), wanted);
    }
    let labeled = JoinTerms { labels: many().collect(), ..terms() };
    assert_eq!(labeled.check(50), Err(TermsError::Labels));
}

#[test]
fn terms_are_read_strictly() {
    let least = r#"{"expires":1,"max_uses":2}"#;
    let terms: JoinTerms = serde_json::from_str(least).unwrap();
    assert!(!terms.approval && terms.networks.is_empty() && terms.per_source_rate.is_none());
    for bad in [
        r#"{"expires":1}"#,
        r#"{"expires":1,"max_uses":-1}"#,
        r#"{"expires":1,"max_uses":1,"network":[]}"#,
        r#"{"expires":1,"max_uses":1,"networks":["10.0.0.1/8"]}"#,
        r#"{"expires":1,"max_uses":1,"labels":{"host":"x"}}"#,
    ] {
        assert!(serde_json::from_str::<JoinTerms>(bad).is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn any_random_bytes_make_a_token_that_is_read_back(random: [u8; RANDOM]) {
        let token = JoinToken::new(&random);
        prop_assert_eq!(JoinToken::parse(&token.reveal()), Ok(token));
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in ".{0,80}") {
        if let Ok(token) = JoinToken::parse(&text) {
            prop_assert_eq!(token.reveal(), text.trim());
        }
    }
}
