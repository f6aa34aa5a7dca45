return {
  cmd = { 'cooper', 'lsp' },
  filetypes = { 'dockerfile' },
  root_markers = { 'Dockerfile', 'Containerfile', '.git' },
}
