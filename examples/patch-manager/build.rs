//! Tells the program where the built user interface is. If it was not built, a page with build instructions
//! takes its place, so that the program can be built without Node.

use std::{env, error::Error, fs, path::PathBuf};

const PLACEHOLDER: &str = "<!doctype html>
<html lang=\"en\">
<head><meta charset=\"utf-8\"><title>patch-manager</title></head>
<body>
<h1>patch-manager</h1>
<p>The web interface is not built into this program. Build it with <code>scripts/build-frontend</code>,
and then build the program again. The API is there: see <code>/api/v1/openapi.json</code>.</p>
</body>
</html>
";

fn main() -> Result<(), Box<dyn Error>> {
    let built = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("frontend/dist");
    // Cargo would count a missing path as changed in every build. While there is no interface,
    // `scripts/demo` touches this file instead.
    println!("cargo:rerun-if-changed=build.rs");
    let folder = if built.join("index.html").is_file() {
        println!("cargo:rerun-if-changed={}", built.display());
        built
    } else {
        let folder = PathBuf::from(env::var("OUT_DIR")?).join("ui");
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("index.html"), PLACEHOLDER)?;
        folder
    };
    println!("cargo:rustc-env=PATCH_MANAGER_UI={}", folder.display());
    Ok(())
}
