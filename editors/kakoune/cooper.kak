# The Dockerfile language server of Cooperage, for kakoune-lsp 17 or newer. Source it after kakoune-lsp.

hook -group cooper global BufSetOption filetype=dockerfile %{
    set-option buffer lsp_servers %{
        [cooper]
        command = "cooper"
        args = ["lsp"]
        root_globs = ["Dockerfile", "Containerfile", ".git"]
        [cooper.settings.cooper]
        hintDiagnostics = false
    }
}

hook -group cooper global WinSetOption filetype=dockerfile %{
    lsp-inlay-hints-enable window
    # Kakoune draws lenses in the text from 2024 on; before that a sign in the margin tells of them.
    try %{ lsp-inlay-code-lenses-enable window }
    hook -once -always window WinSetOption filetype=.* %{
        lsp-inlay-hints-disable window
        try %{ lsp-inlay-code-lenses-disable window }
    }
}
