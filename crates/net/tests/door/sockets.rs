//! Real sockets on loopback: binding, accepting, stopping.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::house::*;

#[tokio::test]
async fn a_taken_port_is_said_before_anybody_is_served() {
    let house = House::new().await;
    let first = house.doors.bind(&[listener()]).unwrap();
    let taken = net::ClientListener { address: first.addresses()[0], ..listener() };
    let error = house.doors.bind(&[listener(), taken]).err().unwrap();
    assert_eq!(error.address, taken.address);
    assert!(error.to_string().starts_with(&format!("cannot listen on {}: ", taken.address)), "{error}");
}

#[tokio::test]
async fn accepts_serves_and_stops() {
    let house = House::new().await;
    let listeners = house.doors.bind(&[listener(), listener()]).unwrap();
    let addresses = listeners.addresses();
    let open = listeners.open();
    let mut sockets = Vec::new();
    for address in &addresses {
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket
            .write_all(format!("{HEADER}{}", iq_auth("amy", &address.port().to_string(), "pw")).as_bytes())
            .await
            .unwrap();
        let mut heard = String::new();
        while !heard.ends_with("<iq type='result' id='1'/>") {
            let mut buffer = [0; 1024];
            let count = socket.read(&mut buffer).await.unwrap();
            assert_ne!(count, 0, "{heard}");
            heard.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
        }
        sockets.push(socket);
    }
    assert_eq!(house.doors.connections(), 2);
    open.stop_accepting();
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(TcpStream::connect(addresses[0]).await.is_err());
    assert!(!open.closed(Duration::from_millis(10)).await);
    house.doors.hub().shutdown().await;
    for socket in &mut sockets {
        let mut heard = String::new();
        socket.read_to_string(&mut heard).await.unwrap();
        assert!(heard.ends_with("<stream:error>Disconnected</stream:error></stream:stream>"), "{heard}");
    }
    drop(sockets);
    assert!(open.closed(Duration::from_secs(5)).await);
}
