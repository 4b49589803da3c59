//! Compiles the sources of a service, and finds a method in them.

use std::io;
use std::rc::Rc;

use prost_reflect::{DescriptorPool, MessageDescriptor, ServiceDescriptor};
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver};

use crate::units::spelling::unknown;

/// Reads a source by its path, from where the description is.
pub type ReadProto = Rc<dyn Fn(&str) -> io::Result<String>>;

/// A method of a service.
#[derive(Debug, Clone)]
pub(in crate::dialect::described) struct Method {
    /// Of its requests.
    pub(in crate::dialect::described) path: String,
    pub(in crate::dialect::described) input: MessageDescriptor,
    pub(in crate::dialect::described) output: MessageDescriptor,
}

/// The types and services of the source at `proto`, and of those that it imports.
///
/// # Errors
/// What is wrong with a source, and where.
pub(in crate::dialect::described) fn compile(
    proto: &str,
    read: &ReadProto,
) -> Result<DescriptorPool, String> {
    read(proto).map_err(|error| format!("cannot read {proto}: {error}"))?;
    let (folder, file) = match proto.rfind('/') {
        Some(end) => proto.split_at(end + 1),
        None => ("", proto),
    };
    let mut resolver = ChainFileResolver::new();
    resolver.add(Sources {
        folder: folder.to_owned(),
        read: read.clone(),
    });
    resolver.add(GoogleFileResolver::new());
    let mut compiler = protox::Compiler::with_file_resolver(resolver);
    // It says where only when it is asked for all that it knows.
    let compiled = compiler.open_file(file);
    let compiled = compiled.map_err(|error| format!("{error:?}"))?;
    Ok(compiled.descriptor_pool())
}

/// The method `name`, as `package.Service/Method`.
///
/// # Errors
/// There is none, or it is no stream both ways.
pub(in crate::dialect::described) fn method(
    pool: &DescriptorPool,
    name: &str,
) -> Result<Method, String> {
    let Some((service, method)) = name.trim_start_matches('/').split_once('/') else {
        return Err(format!(
            "`{name}` is no method: write package.Service/Method"
        ));
    };
    let services: Vec<_> = pool.services().collect();
    let known = || services.iter().map(ServiceDescriptor::full_name);
    let found = services.iter().find(|found| found.full_name() == service);
    let service = found.ok_or_else(|| unknown("service", service, known()))?;
    let methods: Vec<_> = service.methods().collect();
    let known = || methods.iter().map(prost_reflect::MethodDescriptor::name);
    let found = methods.iter().find(|found| found.name() == method);
    let method = found.ok_or_else(|| unknown("method", method, known()))?;
    if !method.is_client_streaming() || !method.is_server_streaming() {
        return Err(format!("`{}` is no stream both ways", method.full_name()));
    }
    Ok(Method {
        path: format!("/{}/{}", service.full_name(), method.name()),
        input: method.input(),
        output: method.output(),
    })
}

/// The sources beside a description.
struct Sources {
    folder: String,
    read: ReadProto,
}

impl FileResolver for Sources {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        let text = (self.read)(&format!("{}{name}", self.folder));
        let text = text.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => protox::Error::file_not_found(name),
            _ => protox::Error::new(error),
        })?;
        File::from_source(name, &text)
    }
}
