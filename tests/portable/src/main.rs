//! Writes shaders as wgpu hands them to Metal, Direct3D and Vulkan.
//!
//!     portable OUT_DIR SHADERS.json…
//!
//! In each file is a list of `{"kernel": …, "wgsl": …}`. For each shader `OUT_DIR` gets a file in HLSL, named
//! by its number. Prints a line for each fault, and on stderr how many shaders there are; ends with 1 if there
//! is a fault.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, fs};

use naga::back::{hlsl, msl, spv};
use naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use serde::Deserialize;

#[derive(Deserialize)]
struct Shader {
    kernel: String,
    wgsl: String,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut args = env::args_os().skip(1).map(PathBuf::from);
    let out = args.next().ok_or("usage: portable OUT_DIR SHADERS.json…")?;
    fs::create_dir_all(&out)?;
    let mut shaders = BTreeMap::new();
    for path in args {
        let listed: Vec<Shader> = serde_json::from_slice(&fs::read(&path)?)?;
        shaders.extend(
            listed
                .into_iter()
                .map(|shader| (shader.wgsl, shader.kernel)),
        );
    }
    let mut is_sound = true;
    for (number, (text, kernel)) in shaders.iter().enumerate() {
        match translated(text) {
            Ok(hlsl) => fs::write(
                out.join(format!("{number:04}-{}.hlsl", kernel.replace('/', "-"))),
                hlsl,
            )?,
            Err(error) => {
                println!("naga: {kernel}: {}", error.replace('\n', " "));
                is_sound = false;
            }
        }
    }
    eprintln!("naga: {} shaders", shaders.len());
    Ok(match is_sound && !shaders.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// The shader in HLSL; the others are written only to see that they can be.
fn translated(text: &str) -> Result<String, String> {
    let module = naga::front::wgsl::parse_str(text).map_err(|error| error.emit_to_string(text))?;
    // No capability that WebGPU has not.
    let info = Validator::new(ValidationFlags::all(), Capabilities::empty())
        .validate(&module)
        .map_err(|error| error.emit_to_string(text))?;
    metal(&module, &info).map_err(|error| format!("to Metal: {error}"))?;
    vulkan(&module, &info).map_err(|error| format!("to SPIR-V: {error}"))?;
    direct3d(&module, &info).map_err(|error| format!("to HLSL: {error}"))
}

// The program's kernels stay within their buffers and their loops end: wgpu adds no checks.
const UNCHECKED: BoundsCheckPolicies = BoundsCheckPolicies {
    index: BoundsCheckPolicy::Unchecked,
    buffer: BoundsCheckPolicy::Unchecked,
    image_load: BoundsCheckPolicy::Unchecked,
    binding_array: BoundsCheckPolicy::Unchecked,
};

fn metal(module: &naga::Module, info: &ModuleInfo) -> Result<(), msl::Error> {
    let options = msl::Options {
        lang_version: (2, 4),
        bounds_check_policies: UNCHECKED,
        zero_initialize_workgroup_memory: false,
        force_loop_bounding: false,
        emit_int_div_checks: false,
        ..Default::default()
    };
    msl::write_string(module, info, &options, &Default::default()).map(drop)
}

fn vulkan(module: &naga::Module, info: &ModuleInfo) -> Result<(), spv::Error> {
    let options = spv::Options {
        bounds_check_policies: UNCHECKED,
        zero_initialize_workgroup_memory: spv::ZeroInitializeWorkgroupMemoryMode::None,
        force_loop_bounding: false,
        ..Default::default()
    };
    spv::write_vec(module, info, &options, None).map(drop)
}

fn direct3d(module: &naga::Module, info: &ModuleInfo) -> Result<String, hlsl::Error> {
    let options = hlsl::Options {
        shader_model: hlsl::ShaderModel::V6_0,
        zero_initialize_workgroup_memory: false,
        restrict_indexing: false,
        force_loop_bounding: false,
        ..Default::default()
    };
    let mut text = String::new();
    let pipeline = Default::default();
    hlsl::Writer::new(&mut text, &options, &pipeline).write(module, info, None)?;
    Ok(text)
}
