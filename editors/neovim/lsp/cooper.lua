-- Read by `vim.lsp.enable('cooper')`.
return {
  cmd = { 'cooper', 'lsp' },
  filetypes = { 'dockerfile' },
  root_markers = { 'cooperage.toml', '.git', 'Dockerfile', 'Containerfile' },
  -- What Neovim 0.11 does not do by itself; see plugin/cooper.lua.
  capabilities = {
    workspace = { codeLens = { refreshSupport = true } },
    experimental = { cooper = { terminal = true, show = true } },
  },
}
