//! What extensions of one kind share: values that outlive a change of the configuration, and words to their like on other members.
use super::Hub;
use crate::carried::frame::Frame;
use crate::host::Host;
use crate::moments::{Kinds, Moment, Told, ToldAt};
use crate::plan::guarded;
use cluster::Weight;
use hashbrown::HashMap;
use parking_lot::Mutex;
use std::any::{Any, TypeId};
use std::sync::Arc;
use xml::Element;

/// One value of each type.
#[derive(Default)]
pub(super) struct Common(Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>);

impl Hub {
    /// The one value of this type on this member, whichever plan asks for it; made when it is first asked for.
    pub fn common<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        let mut common = self.0.common.0.lock();
        let value = common.entry(TypeId::of::<T>()).or_insert_with(|| Arc::<T>::default());
        // What stands under the number of a type is of that type.
        value.clone().downcast().unwrap_or_default()
    }

    /// Tells the extensions of a host something ([`Told`]), here and on every other member. What one member says arrives in its order.
    pub fn tell_members(&self, host: &Arc<Host>, what: &Element) {
        let name = host.name().as_str();
        for member in self.cluster().others() {
            let frame = Frame::Told { host: name, what: what.as_str() };
            if let Err(error) = self.cluster().carry(member, "told", frame.bytes(), Weight::New) {
                tracing::warn!(member = member.0, error = %error, "a member could not be told something");
            }
        }
        self.told(name, what);
    }

    /// A member says something to the extensions of a host.
    pub(crate) fn told(&self, host: &str, what: &Element) {
        let Some(host) = self.host(host) else { return };
        let mut at = ToldAt { hub: self, host: &host, what };
        guarded(Told::NAME, || Told::chain(host.plan()).run(Kinds::ALL, &mut at));
    }
}
