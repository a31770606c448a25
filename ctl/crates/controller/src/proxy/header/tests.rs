use super::*;
use proptest::prelude::*;
use test_support::check_corpus;

fn header(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let mut bytes = SIGNATURE.to_vec();
    bytes.extend([command, family]);
    bytes.extend(u16::try_from(block.len()).unwrap().to_be_bytes());
    bytes.extend(block);
    bytes
}

/// 203.0.113.7:40000 to 10.0.0.1:7443.
const FOUR: [u8; 12] = [203, 0, 113, 7, 10, 0, 0, 1, 0x9c, 0x40, 0x1d, 0x13];

fn six() -> Vec<u8> {
    let mut block = Vec::new();
    for address in ["2001:db8::7", "fd00::1"] {
        block.extend(address.parse::<Ipv6Addr>().unwrap().octets());
    }
    block.extend([0x9c, 0x40, 0x1d, 0x13]);
    block
}

#[test]
fn a_header_names_the_client_or_the_proxy_itself() {
    let with_extensions = [&FOUR[..], &[0x04, 0, 3, 1, 2, 3, 0x20, 0xff, 0xff]].concat();
    let mapped = [&"::ffff:203.0.113.7".parse::<Ipv6Addr>().unwrap().octets()[..], &six()[16..]];
    for (command, family, block, client) in [
        (0x21, 0x11, FOUR.to_vec(), Some("203.0.113.7:40000")),
        (0x21, 0x11, with_extensions, Some("203.0.113.7:40000")),
        (0x21, 0x21, six(), Some("[2001:db8::7]:40000")),
        (0x21, 0x21, mapped.concat(), Some("203.0.113.7:40000")),
        // Health checks; whatever stands behind the command does not count.
        (0x20, 0x00, vec![], None),
        (0x20, 0x11, FOUR.to_vec(), None),
        (0x20, 0xff, vec![1], None),
        // No address, a datagram, a Unix socket.
        (0x21, 0x00, vec![], None),
        (0x21, 0x00, vec![9; 40], None),
        (0x21, 0x12, FOUR.to_vec(), None),
        (0x21, 0x31, vec![0; 216], None),
    ] {
        let bytes = header(command, family, &block);
        let origin = client.map_or(Origin::Proxy, |client| Origin::Client(client.parse().unwrap()));
        let wanted = Ok(Parsed::Whole(bytes.len(), origin));
        assert_eq!(parse(&bytes), wanted, "{command:x} {family:x}");
        let more = [&bytes[..], b"\x16\x03\x01"].concat();
        assert_eq!(parse(&more), wanted, "{command:x} {family:x} and a hello");
        fuzzing(&more);
    }
}

#[test]
fn bytes_that_are_no_header_are_rejected_as_soon_as_they_show_it() {
    let of = |command, family, block: &[u8]| header(command, family, block);
    for (bytes, wanted) in [
        (b"{\"method\":\"init\"}".to_vec(), HeaderError::Missing),
        (b"\x16\x03\x01\x02\x00".to_vec(), HeaderError::Missing),
        (b"\r\n\r\n\0\r\nQUIX".to_vec(), HeaderError::Missing),
        (b"POST".to_vec(), HeaderError::Missing),
        (b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n".to_vec(), HeaderError::Text),
        (of(0x11, 0x11, &FOUR), HeaderError::Version(1)),
        (of(0x31, 0x11, &FOUR), HeaderError::Version(3)),
        (of(0x22, 0x11, &FOUR), HeaderError::Command(2)),
        (of(0x21, 0x41, &FOUR), HeaderError::Family(0x41)),
        (of(0x21, 0x13, &FOUR), HeaderError::Family(0x13)),
        (of(0x21, 0x11, &FOUR[1..]), HeaderError::Short(27)),
        (of(0x21, 0x21, &FOUR), HeaderError::Short(28)),
        (of(0x21, 0x31, &[0; 215]), HeaderError::Short(231)),
        (of(0x20, 0x00, &[0; MAX]), HeaderError::Long(MAX + 16)),
    ] {
        assert_eq!(parse(&bytes), Err(wanted), "{bytes:x?}");
        fuzzing(&bytes);
    }
    assert_eq!(parse(b""), Ok(Parsed::Partial(HEAD)));
    assert_eq!(parse(b"PRO"), Ok(Parsed::Partial(HEAD)));
}

proptest! {
    #[test]
    fn any_address_and_any_extensions_are_read_back(
        address: [u8; 16],
        port: u16,
        is_four: bool,
        extensions in proptest::collection::vec(any::<u8>(), 0..600),
        rest in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        let ip = if is_four {
            IpAddr::from(*address.first_chunk::<4>().unwrap())
        } else {
            IpAddr::from(address)
        };
        let (family, size) = if is_four { (0x11, 4) } else { (0x21, 16) };
        let mut block = address[..size].to_vec();
        block.extend(vec![7; size]);
        block.extend(port.to_be_bytes());
        block.extend([0x1d, 0x13]);
        block.extend(extensions);
        let bytes = header(0x21, family, &block);
        let client = SocketAddr::new(ip.to_canonical(), port);
        let wanted = Parsed::Whole(bytes.len(), Origin::Client(client));
        prop_assert_eq!(parse(&[&bytes[..], &rest].concat()), Ok(wanted));
    }

    #[test]
    fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        fuzzing(&bytes);
        fuzzing(&[&SIGNATURE[..], &bytes].concat());
    }
}

#[test]
fn the_stored_inputs_are_read_by_the_rules() {
    check_corpus("proxy", 12, fuzzing);
}
