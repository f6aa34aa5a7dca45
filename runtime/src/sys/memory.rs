//! The heap, and what a process that stays for long keeps in memory.

/// The allocator of the program.
pub use mimalloc::MiMalloc as Heap;

/// Gives memory back that is free, and lets go of the program's own pages, most of which were used only to start or for
/// something that was asked once. Those that are needed again come back without the disk being read, so this is for a
/// process that has nothing to do.
pub fn rest() {
    // SAFETY: gives free memory back to the kernel.
    unsafe {
        libmimalloc_sys::mi_collect(true);
    }
    // SAFETY: the function below takes the description for the time of the call only and does not unwind; no data go
    // with it.
    unsafe {
        libc::dl_iterate_phdr(Some(let_go), std::ptr::null_mut());
    }
}

/// Lets go of the segments of the program that nobody can have written to. Called once, as the program itself comes
/// before its libraries.
unsafe extern "C" fn let_go(
    info: *mut libc::dl_phdr_info,
    _size: usize,
    _data: *mut libc::c_void,
) -> libc::c_int {
    const PAGE: usize = 4096;
    // SAFETY: the loader gives a valid description, whose headers stay as long as the program runs.
    let (base, headers) = unsafe {
        let info = &*info;
        let headers = std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum));
        (info.dlpi_addr as usize, headers)
    };
    let constant = |header: &&libc::Elf64_Phdr| {
        header.p_type == libc::PT_LOAD && header.p_flags & libc::PF_W == 0
    };
    for header in headers.iter().filter(constant) {
        let start = (base + header.p_vaddr as usize) & !(PAGE - 1);
        let end = base + (header.p_vaddr + header.p_memsz) as usize;
        // SAFETY: a private mapping of a file that was never written to reads the same again; with larger pages the
        // kernel refuses an address that is none's beginning.
        unsafe {
            libc::madvise(start as *mut libc::c_void, end - start, libc::MADV_DONTNEED);
        }
    }
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_rested_goes_on() {
        let text = "what is constant stays what it is".repeat(1000);
        rest();
        assert_eq!(text, "what is constant stays what it is".repeat(1000));
    }
}
