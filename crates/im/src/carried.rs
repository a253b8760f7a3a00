//! Stanzas between members: one whose receiver is at home elsewhere is carried there, and goes on from stop 4.
use crate::home::Turn;
use crate::hub::Hub;
use crate::route::{Known, Routed};
use cluster::{Inbox, Member};
use xmpp::{Stanza, StanzaError};

impl Turn<'_> {
    /// Hands a stanza to the member where its receiver is at home. One that cannot be reached has its homes wake elsewhere soon: the sender may try again.
    pub(crate) fn carry(&mut self, member: Member, stanza: &Stanza) {
        let mut frame = Vec::with_capacity(stanza.size());
        stanza.write(&mut frame);
        if let Err(error) = self.hub.cluster().carry(member, frame) {
            tracing::warn!(member = member.0, error = %error, "a stanza could not be carried");
            self.bounce(stanza, &StanzaError::resource_constraint());
        }
    }
}

impl Hub {
    /// Takes in what other members carry here, for as long as they do.
    pub(crate) fn receive(&self, mut inbox: Inbox) {
        let hub = self.clone();
        tokio::spawn(async move {
            while let Some(frame) = inbox.next().await {
                match crate::resubmit::read_stored(&frame.bytes) {
                    Ok(stanza) => {
                        let mut turn = Turn::new(&hub);
                        let asleep = turn.route(std::sync::Arc::new(stanza), None);
                        turn.run();
                        // The next waits too, or it would overtake.
                        if let Routed::Asleep(stanza, whom) = asleep {
                            let known = Known::of(hub.wake(&whom).await);
                            let mut turn = Turn::new(&hub);
                            turn.route(stanza, Some(known));
                            turn.run();
                        }
                    }
                    Err(why) => tracing::error!(member = frame.from.0, why, "a member carried what is no stanza"),
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use crate::{Clock, Dialect, DoorOptions, Drained, HostOptions, Hub, HubOptions, Limits, NewCredentials};
    use std::task::{Context, Poll, Waker};
    use xmpp::{Jid, Timestamp};

    #[tokio::test]
    async fn what_a_member_carries_here_reaches_its_receiver() {
        let hosts = vec![HostOptions { name: Jid::parse("verona.example").unwrap(), plan: Box::new(|_| Ok(())) }];
        let (cluster, inbox) = cluster::Cluster::single();
        let clock = Clock::fake(Timestamp::from_millis(0));
        let options = HubOptions {
            hosts,
            store: store::Store::memory(),
            clock,
            limits: Limits::default(),
            cluster: (cluster.clone(), inbox),
        };
        let hub = Hub::new(options).await.unwrap();
        let nothing = NewCredentials { scram: Vec::new(), digest: None };
        let juliet = hub.create_account("juliet", "verona.example", &nothing).await.unwrap();
        let x = DoorOptions { dialect: Dialect::X, encrypted: true, peer: None };
        let door = hub.bind(&juliet, Some("balcony"), x).await.unwrap();
        let frame =
            b"<message from='romeo@verona.example/desk' to='juliet@verona.example/balcony'><body>O</body></message>";
        cluster.carry(cluster.me(), frame.to_vec()).unwrap();
        let mut got = Vec::new();
        while !matches!(
            door.poll_drain(&mut Context::from_waker(Waker::noop()), &mut got, 1),
            Poll::Ready(Drained::Stanzas)
        ) {
            tokio::task::yield_now().await;
        }
        let crate::Out::Stanza(got) = &got[0] else { panic!("{got:?}") };
        assert_eq!(got.from().unwrap().as_str(), "romeo@verona.example/desk");
    }
}
