//! How one extends Jabber (the draft's 7.3): elements of a namespace of one's own, which servers and other clients leave in peace.
//!
//!     cargo run -p yatter-examples --bin extending -- amy@localhost PASSWORD [SERVER:PORT]
//!
//! `play ADDRESS MOVE` sends a move of chess: a message that any client shows, with the move inside for those that play. `ask ADDRESS` (of a session:
//! `bob@localhost/chess`) asks for the game so far: a request of one's own. The end of input is the goodbye.

use std::io::{self, BufRead};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use examples::{Login, Mouth, Stream, answer, not_implemented};
use xml::{Builder, Element, Node};
use xmpp::ns;

/// Whoever invents something names it, so that nobody else's invention is mistaken for it.
const CHESS: &str = "example:chess";

type Moves = Arc<Mutex<Vec<String>>>;

fn main() -> io::Result<()> {
    let login = Login::from_args()?;
    let mut stream = Stream::open(&login)?;
    stream.log_in(&login, "chess")?;
    stream.send(&Builder::new(ns::CLIENT, "presence").finish())?;
    println!("logged in as {}@{}/chess", login.user, login.host);

    let moves = Moves::default();
    let (mouth, played) = (stream.mouth()?, moves.clone());
    thread::spawn(move || play(mouth, &played));
    while let Some(element) = stream.next()? {
        if let Some(answer) = hear(&element, &moves) {
            stream.send(&answer)?;
        }
    }
    Ok(())
}

/// Carries out what is typed.
fn play(mut mouth: Mouth, moves: &Moves) -> io::Result<()> {
    for line in io::stdin().lock().lines() {
        let line = line?;
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["play", to, chess_move] => {
                remember(moves, format!("me {chess_move}"));
                // Servers let only those ask us who may see that we are there: whom we play with may.
                mouth.send(&Builder::new(ns::CLIENT, "presence").attr("to", to).finish())?;
                mouth.send(&message(to, chess_move))?;
            }
            ["ask", whom] => {
                let question = Builder::new(ns::CLIENT, "iq").attr("type", "get").attr("to", whom).attr("id", "game");
                mouth.send(&question.leaf(CHESS, "query").finish())?;
            }
            _ => println!("play ADDRESS MOVE, or ask ADDRESS"),
        }
    }
    mouth.say_goodbye()
}

/// A move: words for people, and beside them the same for programs.
fn message(to: &str, chess_move: &str) -> Element {
    let message = Builder::new(ns::CLIENT, "message").attr("to", to);
    let message = message.text_child(ns::CLIENT, "body", &format!("I play {chess_move}."));
    message.open(CHESS, "x").text_child(CHESS, "move", chess_move).close().finish()
}

fn hear(element: &Element, moves: &Moves) -> Option<Element> {
    let root = element.root();
    let from = root.attr("from").unwrap_or_default();
    match (root.name(), root.attr("type").as_deref()) {
        ("message", Some("error")) => println!("{from} did not get it"),
        ("message", _) => match root.child(CHESS, "x").and_then(|x| x.child(CHESS, "move")) {
            Some(chess_move) => {
                remember(moves, format!("you {}", chess_move.text()));
                println!("{from} plays {}", chess_move.text());
            }
            None => println!("{from} says {}", root.child(ns::CLIENT, "body").map(Node::text).unwrap_or_default()),
        },
        ("iq", Some("get")) => return Some(tell(element, moves)),
        ("iq", Some("set")) => return Some(not_implemented(element)),
        ("iq", Some("result")) => {
            if let Some(game) = root.child(CHESS, "query") {
                let moves: Vec<String> = game.children().map(|each| each.text().into_owned()).collect();
                println!("{from} knows of: {}", moves.join(", "));
            }
        }
        ("iq", Some("error")) if root.attr("id").as_deref() == Some("game") => println!("{from} does not play"),
        _ => {}
    }
    None
}

/// The game so far, for whom asks in the namespace of the game.
fn tell(request: &Element, moves: &Moves) -> Element {
    if request.root().child(CHESS, "query").is_none() {
        return not_implemented(request);
    }
    let moves = moves.lock().unwrap_or_else(PoisonError::into_inner);
    let query = answer(request, "result").open(CHESS, "query");
    moves.iter().fold(query, |query, each| query.text_child(CHESS, "move", each)).close().finish()
}

fn remember(moves: &Moves, chess_move: String) {
    moves.lock().unwrap_or_else(PoisonError::into_inner).push(chess_move);
}
