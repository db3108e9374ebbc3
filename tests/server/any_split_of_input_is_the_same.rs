//! Goal: where the network cuts the input, and whether frames follow the request head at once,
//! changes nothing.
//! Method: send one script, request head included, in two writes for every possible cut and byte by
//! byte; a bystander's round trip between the writes makes the server look at the first one.

use super::support::client::{BINARY, CLOSE, CONTINUATION, Client, Incoming, PING, TEXT, request};
use super::support::{Server, servers, strav};

/// Everything a client may send: text, binary, fragments around a ping, a 16-bit length, Close.
fn script(client: &mut Client) -> Vec<u8> {
    let long = strav::publish("cut", "long", format!("\"{}\"", "x".repeat(120)));
    let mut bytes = request(strav::PATH);
    for (is_final, opcode, payload) in [
        (true, TEXT, r#"{"t":"sub","c":"cut"}"#),
        (true, BINARY, r#"{"t":"pub","c":"cut","e":"short","d":1}"#),
        (false, TEXT, r#"{"t":"pub","c":"cut","#),
        (true, PING, "in between"),
        (false, CONTINUATION, ""),
        (true, CONTINUATION, r#""e":"pieces","d":"ä€𝄞"}"#),
        (true, TEXT, &long),
        (true, CLOSE, "\x0c\x00"),
    ] {
        bytes.extend(client.frame(is_final, opcode, payload.as_bytes()));
    }
    bytes
}

/// Reads all that the script is answered, to the stream's end.
fn expect_answers(mut client: Client) {
    client.expect_upgrade();
    let Incoming::Text(welcome) = client.incoming() else {
        panic!("no welcome");
    };
    assert!(welcome.contains("welcome"), "{welcome}");
    assert_eq!(client.incoming(), Incoming::Text(strav::ok("cut")));
    let x = format!("\"{}\"", "x".repeat(120));
    expect_event(client.incoming(), "short", "1");
    // A control frame is answered before the message whose fragments surround it.
    assert_eq!(client.incoming(), Incoming::Pong(b"in between".to_vec()));
    expect_event(client.incoming(), "pieces", "\"ä€𝄞\"");
    expect_event(client.incoming(), "long", &x);
    assert_eq!(
        client.incoming(),
        Incoming::Close(Some(3_072), String::new())
    );
    assert_eq!(client.incoming(), Incoming::End);
}

fn expect_event(incoming: Incoming, name: &str, data: &str) {
    let Incoming::Text(text) = incoming else {
        panic!("{name} was to come, but {incoming:?} did");
    };
    let event = strav::Event::parse(&text);
    assert_eq!((&*event.name, event.data.as_deref()), (name, Some(data)));
}

/// Sends the script in pieces; the bystander is on the same, only shard.
fn play(server: &Server, bystander: &mut Client, cuts: &[usize]) {
    let mut client = Client::tcp(server.addr);
    let script = script(&mut client);
    let mut sent = 0;
    for &cut in cuts {
        client.send_raw(&script[sent..cut]);
        sent = cut;
        bystander.expect_pong();
    }
    client.send_raw(&script[sent..]);
    expect_answers(client);
}

#[test]
fn script_cut_at_any_byte_is_answered_the_same() {
    for server in servers(&[1], &["--allow-publish", "cut"]) {
        let mut bystander = Client::open(server.addr);
        let len = script(&mut Client::tcp(server.addr)).len();
        for cut in 0..len {
            play(&server, &mut bystander, &[cut]);
        }
    }
}

#[test]
fn script_sent_byte_by_byte_is_answered_the_same() {
    for server in servers(&[1], &["--allow-publish", "cut"]) {
        let mut bystander = Client::open(server.addr);
        let len = script(&mut Client::tcp(server.addr)).len();
        let everywhere: Vec<usize> = (1..len).collect();
        play(&server, &mut bystander, &everywhere);
    }
}
