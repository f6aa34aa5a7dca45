-- The editor of docs/pictures/make: the client of editors/neovim, and colours that can be read on a small picture.
vim.opt.runtimepath:append(os.getenv('REPOSITORY') .. '/editors/neovim')
vim.opt.swapfile = false
vim.opt.number = true
vim.opt.termguicolors = true
vim.opt.showmode = false
vim.opt.showcmd = false
vim.opt.ruler = false
vim.opt.hlsearch = false
vim.opt.cmdheight = 0
vim.opt.shortmess:append('FI')
vim.opt.statusline = ' %f %m%=not saved yet: the hints follow the typing '
vim.lsp.enable('cooper')

vim.api.nvim_set_hl(0, 'LspInlayHint', { fg = '#a6dbff', italic = true })
vim.api.nvim_create_autocmd('LspAttach', {
  callback = function(ev) vim.lsp.inlay_hint.enable(true, { bufnr = ev.buf }) end,
})
