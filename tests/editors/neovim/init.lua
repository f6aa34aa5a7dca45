-- The ten-line client configuration that the test uses; `COOPER` is the program under test.
vim.opt.swapfile = false
vim.filetype.add({ filename = { Dockerfile = 'dockerfile' } })
vim.lsp.config('cooper', {
  cmd = { os.getenv('COOPER'), 'lsp' },
  filetypes = { 'dockerfile' },
  root_markers = { 'Dockerfile' },
})
vim.lsp.enable('cooper')
vim.api.nvim_create_autocmd('LspAttach', { callback = function(ev) vim.lsp.inlay_hint.enable(true, { bufnr = ev.buf }) end })
