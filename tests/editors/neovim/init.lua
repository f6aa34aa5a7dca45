-- The configuration of the page editors/neovim/README.md, with the program under test.
vim.opt.swapfile = false
vim.opt.runtimepath:append(os.getenv('REPOSITORY') .. '/editors/neovim')
vim.lsp.config('cooper', { cmd = { os.getenv('COOPER'), 'lsp' } })
vim.lsp.enable('cooper')
