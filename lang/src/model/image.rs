//! Images one usually builds on.

/// An image with what it is for.
#[derive(Debug)]
pub struct UsualImage {
    /// As one writes it, without tag.
    pub name: &'static str,
    /// A few words.
    pub about: &'static str,
}

/// Usual base images, small ones first. **Source:** Docker's official images; documentation of the others.
pub const USUAL_IMAGES: &[UsualImage] = &[
    image("alpine", "small Linux with musl and apk"),
    image("debian", "Linux with apt"),
    image("ubuntu", "Linux with apt"),
    image("busybox", "shell and tools in one program"),
    image(
        "gcr.io/distroless/static",
        "nothing but certificates, for static programs",
    ),
    image("gcr.io/distroless/base", "C library and certificates"),
    image("node", "Node.js with npm"),
    image("python", "Python with pip"),
    image("golang", "Go"),
    image("rust", "Rust with cargo"),
    image("eclipse-temurin", "Java"),
    image("maven", "Java with Maven"),
    image("gradle", "Java with Gradle"),
    image("php", "PHP"),
    image("composer", "PHP with Composer"),
    image("ruby", "Ruby with Bundler"),
    image("elixir", "Elixir"),
    image("gcc", "GNU compilers"),
    image("mcr.microsoft.com/dotnet/sdk", ".NET, to build"),
    image(
        "mcr.microsoft.com/dotnet/aspnet",
        ".NET, to run web programs",
    ),
    image("nginx", "web server"),
    image("httpd", "web server"),
    image("caddy", "web server"),
    image("postgres", "database"),
    image("mariadb", "database"),
    image("redis", "key-value store"),
    image("fedora", "Linux with dnf"),
    image("rockylinux", "Linux with dnf"),
    image(
        "registry.access.redhat.com/ubi9/ubi-minimal",
        "small Linux of Red Hat",
    ),
];

const fn image(name: &'static str, about: &'static str) -> UsualImage {
    UsualImage { name, about }
}
