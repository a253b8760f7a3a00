//! Which configuration is meant: the file that was named, the one in /etc, or none.

use std::path::{Path, PathBuf};

use super::Place;
use crate::config::{Config, Registration};
use crate::failure::Failure;

/// Where a configuration came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file.
    File(PathBuf),
    /// No file: the server for trying things out.
    Development,
}

/// A configuration, where it came from, and what the command line says instead of it.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The configuration, complete.
    pub config: Config,
    /// Where it came from.
    pub origin: Origin,
    data: Option<PathBuf>,
}

/// The file that is read when none is named.
const SYSTEM_FILE: &str = "/etc/yatter/yatter.toml";

impl Setup {
    /// Finds and reads the configuration that the command line means.
    ///
    /// # Errors
    /// The mistakes of the file.
    pub(super) fn find(place: &Place, open_registration: bool) -> Result<Self, Failure> {
        let file = place.config.clone().or_else(|| Path::new(SYSTEM_FILE).exists().then(|| SYSTEM_FILE.into()));
        let data = place.data.as_deref().map(absolute).transpose()?;
        let Some(file) = file else { return Setup::development(data, open_registration) };
        if open_registration {
            return Err(Failure::new(format!(
                "--open-registration is for a start without configuration: write registration = \"open\" into {}",
                file.display()
            )));
        }
        let mut setup = Setup { config: Config::load(&file)?, origin: Origin::File(file), data };
        setup.overrule()?;
        Ok(setup)
    }

    fn development(data: Option<PathBuf>, open_registration: bool) -> Result<Self, Failure> {
        let mut config = Config::development(absolute(&data.clone().unwrap_or_else(home_folder))?);
        if open_registration {
            config.host.values_mut().for_each(|host| host.registration = Registration::Open);
        }
        Ok(Setup { config, origin: Origin::Development, data })
    }

    /// The beginning of a command line that means the same server.
    pub fn command(&self) -> String {
        let mut command = "yatter".to_owned();
        if let Origin::File(file) = &self.origin
            && file != Path::new(SYSTEM_FILE)
        {
            command.push_str(&format!(" --config {}", file.display()));
        }
        if let Some(data) = &self.data {
            command.push_str(&format!(" --data {}", data.display()));
        }
        command
    }

    /// Reads the same file again, for a reload. Without a file nothing can have changed.
    ///
    /// # Errors
    /// The mistakes of the file.
    pub fn again(&self) -> Result<Self, Failure> {
        let Origin::File(file) = &self.origin else { return Ok(self.clone()) };
        let mut setup = Setup { config: Config::load(file)?, ..self.clone() };
        setup.overrule()?;
        Ok(setup)
    }

    fn overrule(&mut self) -> Result<(), Failure> {
        let data = self.data.as_ref().unwrap_or(&self.config.data);
        self.config.data = absolute(data)?;
        Ok(())
    }
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| Failure::new(format!("the path {}: {error}", path.display())))
}

/// Where a server without configuration keeps its data: the person's own folder for such things.
fn home_folder() -> PathBuf {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let share = set("XDG_DATA_HOME").or_else(|| set("HOME").map(|home| home.join(".local/share")));
    share.map_or_else(|| Config::default().data, |share| share.join("yatter"))
}
